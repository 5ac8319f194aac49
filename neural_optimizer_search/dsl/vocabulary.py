"""The words of the language: operands, unary functions and binary functions (arXiv v2, section 4.1).

Plain tables: a row is a word, with its LaTeX, the state it needs and what it computes. Everything else comes from the
row: what a child, an optimizer and the screen compute, how formulas are read and shown, and exported code.

A new row goes to the end of its table: a token is the place of a word in it, and checkpoints and reports have tokens.
It is in no search space by itself: those list their words (`space.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neural_optimizer_search.decays import annealed_noise_stddev, cyclical, linear, restart

# Hyperparameters of section 4.2, the same for every rule.
BETA_1, BETA_2, BETA_3 = 0.9, 0.999, 0.999
DELTA = 1e-8

# (name, its decay rate, the power of g it averages)
AVERAGES = (("m", BETA_1, 1), ("v", BETA_2, 2), ("gamma", BETA_3, 3))


@dataclass(frozen=True)
class Word:
    """One row of a table.

    Attributes:
      name: The word in tables and formulas; unique within its table.
      latex: LaTeX; a function's arguments stand where `$x` and `$y` are.
      value: What it computes, from a namespace of operations (`operations/`), the `State` (`state.py`) and, of a
        function, its arguments. All arrays have the shape of the gradient.
      averages: The running averages the word reads: "m" (of g), "v" (of g^2), "gamma" (of g^3).
      random: Whether it draws random numbers.
      decays: Whether it is a function of t/T, so that T must be known.
    """

    name: str
    latex: str
    value: Callable[..., Any]
    averages: tuple[str, ...] = ()
    random: bool = False
    decays: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """The words that tokens number, in order; a token is an index into one of these tuples."""

    operands: tuple[str, ...]
    unaries: tuple[str, ...]
    binaries: tuple[str, ...]


def _table(*words):
    return {word.name: word for word in words}


def _anneal_noise(ops, s):
    return ops.cast_like(annealed_noise_stddev(s.t), s.g) * s.normal()


def _drop(probability):
    """Zeroes with the given probability; what is kept is not rescaled."""
    return lambda ops, s, x: ops.where(s.uniform() < probability, ops.zeros_like(x), x)


OPERANDS = _table(
    Word("g", "g", lambda ops, s: s.g),
    Word("g^2", "g^{2}", lambda ops, s: ops.square(s.g)),
    Word("g^3", "g^{3}", lambda ops, s: s.g * ops.square(s.g)),
    Word("m", r"\hat{m}", lambda ops, s: s.m_hat, averages=("m",)),
    Word("v", r"\hat{v}", lambda ops, s: s.v_hat, averages=("v",)),
    Word("gamma", r"\hat{\gamma}", lambda ops, s: s.gamma_hat, averages=("gamma",)),
    Word("sign(g)", r"\operatorname{sign}(g)", lambda ops, s: ops.sign(s.g)),
    Word("sign(m)", r"\operatorname{sign}(\hat{m})", lambda ops, s: ops.sign(s.m), averages=("m",)),
    Word("1", "1", lambda ops, s: s.fill(1)),
    Word("2", "2", lambda ops, s: s.fill(2)),
    Word("eps", r"\epsilon", lambda ops, s: 0.1 * s.normal(), random=True),
    Word("1e-4*w", "10^{-4}w", lambda ops, s: 1e-4 * s.w),
    Word("1e-3*w", "10^{-3}w", lambda ops, s: 1e-3 * s.w),
    Word("1e-2*w", "10^{-2}w", lambda ops, s: 1e-2 * s.w),
    Word("1e-1*w", "10^{-1}w", lambda ops, s: 1e-1 * s.w),
    Word("Adam", r"\mathrm{Adam}", lambda ops, s: s.m_hat / (ops.sqrt(s.v_hat) + DELTA), averages=("m", "v")),
    Word("RMSProp", r"\mathrm{RMSProp}", lambda ops, s: s.g / (ops.sqrt(s.v_hat) + DELTA), averages=("v",)),
    # Functions of the step t and the number of steps T; the values of n are those of the papers' tables.
    Word("ld", r"\mathrm{ld}", lambda ops, s: s.fill(linear(ops, s.t, s.T)), decays=True),
    Word("cd", r"\mathrm{cd}", lambda ops, s: s.fill(cyclical(ops, s.t, s.T)), decays=True),
    Word("cd_1", r"\mathrm{cd}_{1}", lambda ops, s: s.fill(cyclical(ops, s.t, s.T, 1.0)), decays=True),
    Word("rd_10", r"\mathrm{rd}_{10}", lambda ops, s: s.fill(restart(ops, s.t, s.T, 10.0)), decays=True),
    Word("rd_20", r"\mathrm{rd}_{20}", lambda ops, s: s.fill(restart(ops, s.t, s.T, 20.0)), decays=True),
    Word("eps_t", r"\epsilon_{t}", _anneal_noise, random=True),
)

UNARIES = _table(
    Word("identity", "$x", lambda ops, s, x: x),
    Word("neg", "-$x", lambda ops, s, x: -x),
    Word("exp", "e^{$x}", lambda ops, s, x: ops.exp(x)),
    Word("log", r"\log\left|$x\right|", lambda ops, s, x: ops.log(ops.abs(x))),
    Word("sqrt", r"\sqrt{\left|$x\right|}", lambda ops, s, x: ops.sqrt(ops.abs(x))),
    Word("clip_1e-5", r"\operatorname{clip}($x, 10^{-5})", lambda ops, s, x: ops.clip(x, -1e-5, 1e-5)),
    Word("clip_1e-4", r"\operatorname{clip}($x, 10^{-4})", lambda ops, s, x: ops.clip(x, -1e-4, 1e-4)),
    Word("clip_1e-3", r"\operatorname{clip}($x, 10^{-3})", lambda ops, s, x: ops.clip(x, -1e-3, 1e-3)),
    Word("drop_0.1", r"\operatorname{drop}($x, 0.1)", _drop(0.1), random=True),
    Word("drop_0.3", r"\operatorname{drop}($x, 0.3)", _drop(0.3), random=True),
    Word("drop_0.5", r"\operatorname{drop}($x, 0.5)", _drop(0.5), random=True),
    Word("sign", r"\operatorname{sign}($x)", lambda ops, s, x: ops.sign(x)),
    # In Table 6, outside both papers' search spaces.
    Word("sigmoid", r"\operatorname{sigmoid}($x)", lambda ops, s, x: ops.sigmoid(x)),
)

BINARIES = _table(
    Word("add", "$x + $y", lambda ops, s, x, y: x + y),
    Word("sub", "$x - $y", lambda ops, s, x, y: x - y),
    Word("mul", r"$x \cdot $y", lambda ops, s, x, y: x * y),
    Word("div", r"\frac{$x}{$y + \delta}", lambda ops, s, x, y: x / (y + DELTA)),
    # The plain power: NaN for a negative x and a fractional y.
    Word("pow", "{$x}^{$y}", lambda ops, s, x, y: x**y),
    Word("left", "$x", lambda ops, s, x, y: x),
)

FULL = Vocabulary(tuple(OPERANDS), tuple(UNARIES), tuple(BINARIES))
