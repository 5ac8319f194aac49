"""The words of later papers in plain NumPy, written from those papers or their authors' code: see `reference.py`.

"_c" at the end of a row's name stands for a number, which its functions get as text: `m_0.99` is the row "m_c" with c
= "0.99". A `Step` is of one weight tensor, in the tensor's shape.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Constants:
    beta_1: float = 0.9
    beta_2: float = 0.999
    beta_3: float = 0.999
    epsilon: float = 1e-8


PAPER = Constants()


def split(name):
    """A name as its row and its number: "m_0.99" -> ("m_c", "0.99"), "0.5" -> ("c", "0.5"), "m" -> ("m", None)."""
    prefix, bar, number = name.rpartition("_")
    try:
        float(number)
    except ValueError:
        return name, None
    return f"{prefix}{bar}c", number


def find(table, name):
    """A row, or the member of a family, as a function of the arguments that a row without a number has."""
    if name in table:
        return table[name]
    row, c = split(name)
    return lambda *arguments: table[row](*arguments, c)


# -- What is kept from step to step ----------------------------------------------------------------


@dataclass(frozen=True)
class Gradient:
    """What is averaged: `change` is g minus the gradient before it, `new` what was kept before in this step."""

    g: np.ndarray
    change: np.ndarray
    t: int
    new: dict
    constants: Constants


def average(beta, old, value):
    return beta * old + (1 - beta) * value


KEPT = {
    "m": lambda old, k: average(k.constants.beta_1, old, k.g),
    "v": lambda old, k: average(k.constants.beta_2, old, k.g**2),
    "gamma": lambda old, k: average(k.constants.beta_3, old, k.g**3),
    # AdaBelief's s: around this step's m, which is not corrected.
    "belief": lambda old, k: average(k.constants.beta_2, old, (k.g - k.new["m"]) ** 2),
    # AMSGrad, of the corrected v.
    "v_max": lambda old, k: np.maximum(old, k.new["v"] / (1 - k.constants.beta_2 ** (k.t + 1))),
    # NorMuon's v, with one number for each output of a kernel [..., in, out].
    "v_muon": lambda old, k: average(k.constants.beta_2, old, mean_of_inputs(orthogonalize(k.new["m"]) ** 2)),
    "previous": lambda old, k: k.g,
    "m_c": lambda old, k, c: average(float(c), old, k.g),
    "v_c": lambda old, k, c: average(float(c), old, k.g**2),
    # Adan.
    "change_c": lambda old, k, c: average(float(c), old, k.change),
    "n_c": lambda old, k, c: average(k.constants.beta_3, old, (k.g + float(c) * k.change) ** 2),
}
ALWAYS = ("m", "v", "gamma", "belief", "v_max", "v_muon", "previous")
NEVER_NEGATIVE = ("v", "belief", "v_max", "v_muon", "v_c", "n_c")


def next_averages(kept, g, t=0, constants=PAPER):
    """What is kept after step t; the first step has no change of the gradient."""
    change = g - kept["previous"] if t and "previous" in kept else np.zeros_like(g)
    new = {}
    for name, old in kept.items():
        new[name] = find(KEPT, name)(old, Gradient(g, change, t, new, constants))
    return new


def names_kept(rule):
    """All rows without a number, and the members that the words of a rule read."""
    words = {word for iteration in getattr(rule, "iterations", rule) for word in iteration[:2]}
    members = (split(word) for word in words if isinstance(word, str))
    rows = {"ema_c": "m_c", "lion_c": "m_c"}
    read = {(rows.get(row, row), c) for row, c in members if c is not None}
    return (*ALWAYS, *sorted(row[:-1] + c for row, c in read if row in KEPT))


# -- Operands --------------------------------------------------------------------------------------


def corrected(s, name, beta, ahead=0):
    return s.averages[name] / (1 - beta ** (s.t + 1 + ahead))


def nesterov(s, place=None):
    """Nadam (Dozat, 2016), as optax has it."""
    b = s.constants.beta_1
    return b * corrected(s, "m", b, ahead=1) + (1 - b) * s.g / (1 - b ** (s.t + 1))


OPERANDS = {
    "w": lambda s, place: s.w,
    "nesterov": nesterov,
    "belief": lambda s, place: corrected(s, "belief", s.constants.beta_2),
    "v_max": lambda s, place: s.averages["v_max"],
    "v_muon": lambda s, place: corrected(s, "v_muon", s.constants.beta_2),
    "c": lambda s, place, c: s.full(float(c)),
    "m_c": lambda s, place, c: corrected(s, f"m_{c}", float(c)),
    "ema_c": lambda s, place, c: s.averages[f"m_{c}"],
    "v_c": lambda s, place, c: corrected(s, f"v_{c}", float(c)),
    # Lion, of what was kept before this step.
    "lion_c": lambda s, place, c: average(s.constants.beta_1, s.before[f"m_{c}"], s.g),
    "change_c": lambda s, place, c: corrected(s, f"change_{c}", float(c)),
    "n_c": lambda s, place, c: corrected(s, f"n_{c}", s.constants.beta_3),
}


# -- Functions -------------------------------------------------------------------------------------


def cautious(x, s, place=None):
    """The share of elements that agree with g counts as 1e-3 at least, says the authors' code."""
    mask = x * s.g > 0
    return x * mask / max(np.mean(mask), 1e-3)


def normalize(x, s, place=None):
    return x / (np.sqrt(np.mean(x**2)) + s.constants.epsilon)


def trust(x, s, place=None):
    norm, norm_of_x = np.sqrt(np.sum(s.w**2)), np.sqrt(np.sum(x**2))
    return x if norm == 0 or norm_of_x == 0 else x * norm / norm_of_x


def orthogonalize(x, s=None, place=None):
    """Five Newton-Schulz steps (Jordan et al., 2024).

    Theirs are matrices [out, in] and Keras's kernels are [..., in, out]: so the rows are here all axes but the last,
    and the scale is of columns over rows.
    """
    if np.ndim(x) < 2:
        return x
    matrix = np.reshape(x, (-1, np.shape(x)[-1]))
    rows, columns = matrix.shape
    a, b, c = 3.4445, -4.7750, 2.0315
    y = matrix.T if rows > columns else matrix
    y = y / (np.linalg.norm(y) + 1e-7)
    for _ in range(5):
        square = y @ y.T
        y = a * y + (b * square + c * square @ square) @ y
    y = y.T if rows > columns else y
    return np.reshape(y * np.sqrt(max(1, columns / rows)), np.shape(x))


def mean_of_inputs(x):
    axes = tuple(range(np.ndim(x) - 1))
    return np.broadcast_to(np.mean(x, axes, keepdims=True), np.shape(x))


UNARIES = {
    "clip_c": lambda x, s, place, c: np.clip(x, -float(c), float(c)),
    "drop_c": lambda x, s, place, c: s.dropped(f"drop_{c}", x, place),
    "tanh": lambda x, s, place: np.tanh(x),
    "abs": lambda x, s, place: np.abs(x),
    "cautious": cautious,
    "normalize": normalize,
    "trust": trust,
    "orthogonalize": orthogonalize,
}
PER_TENSOR = ("cautious", "normalize", "trust", "orthogonalize", "on_matrices")

BINARIES = {
    "min": lambda x, y: np.minimum(x, y),
    "max": lambda x, y: np.maximum(x, y),
    "on_matrices": lambda x, y: x if np.ndim(x) > 1 else y,
}
