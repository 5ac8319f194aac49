"""The update rules in plain NumPy (float64), written from the papers: the measure of the code.

A rule is its iterations: tuples (op1, op2, u1, u2, b), an operand being a name or the number of an
earlier iteration. Words that draw random numbers get them from outside, as `draw(word, place, t)`:
standard normal for eps and eps_t, uniform in [0, 1) for drop. A place is a position in the string.
The words of later papers, and what they keep, are in `reference_modern.py`.
"""

from dataclasses import dataclass, field, replace
from typing import Callable, Optional

import numpy as np
import reference_modern as modern
from reference_modern import PAPER, Constants, next_averages

BETA = {"m": 0.9, "v": 0.999, "gamma": 0.999}
DELTA = 1e-8


@dataclass
class Step:
    """What a rule may read at step t; `step(word)` is an operand. The averages hold `g`, `before` does not yet."""

    g: np.ndarray
    w: np.ndarray
    averages: dict
    t: int
    T: Optional[int] = None
    draw: Optional[Callable] = None
    constants: Constants = PAPER
    before: dict = field(default_factory=dict)

    def hat(self, name):
        beta = {"m": self.constants.beta_1, "v": self.constants.beta_2, "gamma": self.constants.beta_3}[name]
        return self.averages[name] / (1 - beta ** (self.t + 1))

    def rms(self):
        return np.sqrt(self.hat("v")) + self.constants.epsilon

    def full(self, value):
        return np.full(np.shape(self.g), value, np.float64)

    def dropped(self, word, x, place=None):
        return np.where(self.draw(word, place, self.t) < float(word[5:]), 0.0, x)

    def __call__(self, word, place=None):
        return modern.find({**modern.OPERANDS, **OPERANDS}, word)(self, place)

    def unary(self, word, x, place=None):
        return modern.find({**modern.UNARIES, **UNARIES}, word)(x, self, place)

    def binary(self, word, x, y):
        if word == "div":
            return x / (y + self.constants.epsilon)
        return {**modern.BINARIES, **BINARIES}[word](x, y)


# -- Words -----------------------------------------------------------------------------------------


def ld(t, T):
    return 1 - min(t, T) / T


def cd(n, t, T):
    return 0.5 * (1 + np.cos(2 * np.pi * n * min(t, T) / T))


def rd(n, t, T):
    return 0.0 if t >= T else 0.5 * (1 + np.cos(np.pi * ((t * n) % T) / T))


def noise_variance(t):
    return 1 / (1 + t) ** 0.55


OPERANDS = {
    "g": lambda s, place: s.g,
    "g^2": lambda s, place: s.g * s.g,
    "g^3": lambda s, place: s.g * s.g * s.g,
    "m": lambda s, place: s.hat("m"),
    "v": lambda s, place: s.hat("v"),
    "gamma": lambda s, place: s.hat("gamma"),
    "sign(g)": lambda s, place: np.sign(s.g),
    "sign(m)": lambda s, place: np.sign(s.hat("m")),
    "1": lambda s, place: s.full(1),
    "2": lambda s, place: s.full(2),
    "eps": lambda s, place: np.sqrt(0.01) * s.draw("eps", place, s.t),
    "1e-4*w": lambda s, place: s.w / 10000,
    "1e-3*w": lambda s, place: s.w / 1000,
    "1e-2*w": lambda s, place: s.w / 100,
    "1e-1*w": lambda s, place: s.w / 10,
    "Adam": lambda s, place: s.hat("m") / s.rms(),
    "RMSProp": lambda s, place: s.g / s.rms(),
    "ld": lambda s, place: s.full(ld(s.t, s.T)),
    "cd": lambda s, place: s.full(cd(1 / 2, s.t, s.T)),
    "cd_1": lambda s, place: s.full(cd(1, s.t, s.T)),
    "rd_10": lambda s, place: s.full(rd(10, s.t, s.T)),
    "rd_20": lambda s, place: s.full(rd(20, s.t, s.T)),
    "eps_t": lambda s, place: np.sqrt(noise_variance(s.t)) * s.draw("eps_t", place, s.t),
}

UNARIES = {
    "identity": lambda x, s, place: x,
    "neg": lambda x, s, place: -x,
    "exp": lambda x, s, place: np.exp(x),
    "log": lambda x, s, place: np.log(np.abs(x)),
    "sqrt": lambda x, s, place: np.sqrt(np.abs(x)),
    "clip_1e-5": lambda x, s, place: np.clip(x, -0.00001, 0.00001),
    "clip_1e-4": lambda x, s, place: np.clip(x, -0.0001, 0.0001),
    "clip_1e-3": lambda x, s, place: np.clip(x, -0.001, 0.001),
    "drop_0.1": lambda x, s, place: s.dropped("drop_0.1", x, place),
    "drop_0.3": lambda x, s, place: s.dropped("drop_0.3", x, place),
    "drop_0.5": lambda x, s, place: s.dropped("drop_0.5", x, place),
    "sign": lambda x, s, place: np.sign(x),
    "sigmoid": lambda x, s, place: 1 / (1 + np.exp(-x)),
}

BINARIES = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y + DELTA),
    "pow": lambda x, y: np.power(x, y),
    "left": lambda x, y: x,
}

RANDOM = ("eps", "eps_t", "drop_0.1", "drop_0.3", "drop_0.5")


# -- Rules -----------------------------------------------------------------------------------------


def direction(rule, step):
    """The update direction at one step."""
    outputs = []

    def operand(op, place):
        return outputs[op] if isinstance(op, int) else step(op, place)

    with np.errstate(all="ignore"):
        for k, (op1, op2, u1, u2, b) in enumerate(getattr(rule, "iterations", rule)):
            x = step.unary(u1, operand(op1, 5 * k), 5 * k + 2)
            y = step.unary(u2, operand(op2, 5 * k + 1), 5 * k + 3)
            outputs.append(step.binary(b, x, y))
    return outputs[-1]


def run_rule(rule, gradients, weights, learning_rate=0.0, T=None, draw=None, constants=PAPER):
    """Yields the update direction at each step; the weights, one tensor, move by the learning rate times it."""
    w = np.array(weights, np.float64)
    averages = dict.fromkeys(modern.names_kept(rule), np.zeros_like(w))
    for t, g in enumerate(gradients):
        g, before = np.asarray(g, np.float64), averages
        averages = next_averages(before, g, t, constants)
        update = direction(rule, Step(g, w, averages, t, T, draw, constants, before))
        yield update
        w = w - learning_rate * update


# -- Material for tests ----------------------------------------------------------------------------


def random_step(rng, t=40, T=100, size=24):
    """A step with zeros, both signs and several magnitudes; the averages do not depend on `g`."""

    def values():
        x = rng.normal(size=size) * 10.0 ** rng.uniform(-3, 1, size)
        x[rng.integers(size)] = 0.0
        return x

    hats = {"m": values(), "v": abs(values()), "gamma": values()}
    averages = {name: hat * (1 - BETA[name] ** (t + 1)) for name, hat in hats.items()}
    return Step(values(), 10 * values(), averages, t, T)


def random_modern_step(rng, shape, names, t=40, T=100, constants=PAPER):
    """A step of one weight tensor, with all that is kept under the names; `averages` is `before` with `g` in it."""
    kept = {}
    for name in names:
        x = rng.normal(size=shape) * 10.0 ** rng.uniform(-2, 1, shape)
        kept[name] = abs(x) if modern.split(name)[0] in modern.NEVER_NEGATIVE else x
    g = rng.normal(size=shape) * 10.0 ** rng.uniform(-2, 1, shape)
    w = 3 * rng.normal(size=shape)
    return Step(g, w, next_averages(kept, g, t, constants), t, T, None, constants, kept)


def rescaled(step, rng, by=1e-5):
    """The step with every number moved a little: where a rule then jumps, rounding matters too."""

    def moved(x):
        return x * (1 + by * rng.choice([-1, 1], np.shape(x)))

    averages = {name: moved(x) for name, x in step.averages.items()}
    step = replace(step, g=moved(step.g), w=moved(step.w), averages=averages)
    if not step.before:
        return step
    before = {name: moved(x) for name, x in step.before.items()}
    return replace(step, averages=next_averages(before, step.g, step.t, step.constants), before=before)


def random_rule(rng, depth, without=(), tables=None):
    """Iterations of all words but `without`; later on, half of the operands are earlier outputs."""
    operands, unaries, binaries = (
        [word for word in table if word not in without] for table in tables or (OPERANDS, UNARIES, BINARIES)
    )

    def word(words):
        return words[rng.integers(len(words))]

    def operand(k):
        return int(rng.integers(k)) if k and rng.random() < 0.5 else word(operands)

    return tuple((operand(k), operand(k), word(unaries), word(unaries), word(binaries)) for k in range(depth))


# Words for `random_rule`: those of later papers, with some members of families, and a few others.
LATER = (
    [
        *(
            "g",
            "m",
            "v",
            "Adam",
            "sign(g)",
            "w",
            "nesterov",
            "belief",
            "v_max",
            "3e-4",
            "0.5",
            "7",
            "m_0.5",
            "m_0.123456789",
        ),
        *("ema_0.9999", "v_0.5", "lion_0.99", "change_0.92", "n_0.92"),
    ],
    ["identity", "neg", "sqrt", "sign", "log", "clip_0.02", *(u for u in modern.UNARIES if not u.endswith("_c"))],
    ["add", "sub", "mul", "div", *modern.BINARIES],
)


def random_rules(seed, count, without=()):
    """`count` rules of depth 1, 2, 3, 4, 1, ..."""
    rng = np.random.default_rng(seed)
    return [random_rule(rng, 1 + i % 4, without) for i in range(count)]


# -- Published rules -------------------------------------------------------------------------------


def _agree(s):
    return s("sign(g)") * s("sign(m)")


# Formula -> (iterations of the shortest string, averages, value). With the decays of Table 1.
SECTION_5_1 = {
    "exp(sign(g)*sign(m)) * g": (2, "m", lambda s: np.exp(_agree(s)) * s.g),
    "exp(ld*sign(g)*sign(m)) * g": (3, "m", lambda s: np.exp(s("ld") * _agree(s)) * s.g),
    "exp(cd*sign(g)*sign(m)) * g": (3, "m", lambda s: np.exp(s("cd") * _agree(s)) * s.g),
    "exp(rd_10*sign(g)*sign(m)) * g": (3, "m", lambda s: np.exp(s("rd_10") * _agree(s)) * s.g),
    "exp(rd_20*sign(g)*sign(m)) * g": (3, "m", lambda s: np.exp(s("rd_20") * _agree(s)) * s.g),
    "2^(sign(g)*sign(m)) * g": (3, "m", lambda s: 2 ** _agree(s) * s.g),
    "(1 + sign(g)*sign(m)) * g": (3, "m", lambda s: (1 + _agree(s)) * s.g),
    "(1 + ld*sign(g)*sign(m)) * g": (4, "m", lambda s: (1 + s("ld") * _agree(s)) * s.g),
    "(1 + cd*sign(g)*sign(m)) * g": (4, "m", lambda s: (1 + s("cd") * _agree(s)) * s.g),
    "(1 + rd_10*sign(g)*sign(m)) * g": (4, "m", lambda s: (1 + s("rd_10") * _agree(s)) * s.g),
    "(1 + rd_20*sign(g)*sign(m)) * g": (4, "m", lambda s: (1 + s("rd_20") * _agree(s)) * s.g),
    "(2 + sign(g)*sign(m)) * g": (3, "m", lambda s: (2 + _agree(s)) * s.g),
}

TABLE_6 = {
    "m * (1 + eps) * sigmoid(1e-4*w)": (
        3, "m", lambda s: s("m") * (1 + s("eps")) / (1 + np.exp(-s.w / 10000))
    ),
    "sign(m) * sqrt(|g|)": (1, "m", lambda s: s("sign(m)") * np.sqrt(abs(s.g))),
    "sign(g)*sign(m) * m": (2, "m", lambda s: _agree(s) * s("m")),
    "(1 + sign(g)*sign(m)) * sign(g)": (3, "m", lambda s: (1 + _agree(s)) * s("sign(g)")),
    "(1 + sign(g)*sign(m)) * sign(m)": (3, "m", lambda s: (1 + _agree(s)) * s("sign(m)")),
    "sign(g) * sqrt(|m|)": (1, "m", lambda s: s("sign(g)") * np.sqrt(abs(s("m")))),
    "sqrt(|g|) * m": (1, "m", lambda s: np.sqrt(abs(s.g)) * s("m")),
    "sqrt(|g|) * g": (1, "", lambda s: np.sqrt(abs(s.g)) * s.g),
    "(1 + sign(g)*sign(m)) * m": (3, "m", lambda s: (1 + _agree(s)) * s("m")),
    "(1 + sign(g)*sign(m)) * RMSProp": (3, "m v", lambda s: (1 + _agree(s)) * s("RMSProp")),
    "(1 + sign(g)*sign(m)) * Adam": (3, "m v", lambda s: (1 + _agree(s)) * s("Adam")),
    "(exp(sign(g)*sign(m)) + clip(g, 1e-4)) * g": (
        3, "m", lambda s: (np.exp(_agree(s)) + np.clip(s.g, -1e-4, 1e-4)) * s.g
    ),
    "clip(m, 1e-4) * exp(v)": (1, "m v", lambda s: np.clip(s("m"), -1e-4, 1e-4) * np.exp(s("v"))),
    "m * exp(v)": (1, "m v", lambda s: s("m") * np.exp(s("v"))),
    "g * exp(sign(g)*sign(m))": (2, "m", lambda s: s.g * np.exp(_agree(s))),
    "drop(g, 0.3) * exp(sign(g)*sign(m))": (
        2, "m", lambda s: s.dropped("drop_0.3", s.g) * np.exp(_agree(s))
    ),
    "m * exp(g^2)": (1, "m", lambda s: s("m") * np.exp(s.g**2)),
    "drop(m, 0.1) / (exp(g^2) + eps)": (
        2, "m", lambda s: s.dropped("drop_0.1", s("m")) / (np.exp(s.g**2) + s("eps") + DELTA)
    ),
    "drop(g, 0.1) * exp(sign(g)*sign(m))": (
        2, "m", lambda s: s.dropped("drop_0.1", s.g) * np.exp(_agree(s))
    ),
    "clip(RMSProp, 1e-5) + drop(m, 0.3)": (
        1, "m v", lambda s: np.clip(s("RMSProp"), -1e-5, 1e-5) + s.dropped("drop_0.3", s("m"))
    ),
    "Adam * exp(sign(g)*sign(m))": (2, "m v", lambda s: s("Adam") * np.exp(_agree(s))),
    "Adam * exp(m)": (1, "m v", lambda s: s("Adam") * np.exp(s("m"))),
    "g + drop(m, 0.3)": (1, "m", lambda s: s.g + s.dropped("drop_0.3", s("m"))),
    "drop(m, 0.1) * exp(g^3)": (1, "m", lambda s: s.dropped("drop_0.1", s("m")) * np.exp(s.g**3)),
    "g - clip(g^2, 1e-4)": (1, "", lambda s: s.g - np.clip(s.g**2, -1e-4, 1e-4)),
    "e^g - e^m": (1, "m", lambda s: np.exp(s.g) - np.exp(s("m"))),
    "drop(m, 0.3) * exp(1e-3*w)": (
        1, "m", lambda s: s.dropped("drop_0.3", s("m")) * np.exp(s.w / 1000)
    ),
}  # fmt: skip

PUBLISHED = {**SECTION_5_1, **TABLE_6}
