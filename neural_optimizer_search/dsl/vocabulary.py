"""The words of the language: operands, unary functions and binary functions (arXiv v2, section 4.1).

Plain tables: a row is a word, with its LaTeX and the state it needs. What a word computes stands in
`interpreter.py`, under the same name.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One row of a table.

    Attributes:
      name: The word in tables and formulas; unique within its table.
      latex: LaTeX; a function's arguments stand where `$x` and `$y` are.
      averages: The running averages the word reads: "m" (of g), "v" (of g^2), "gamma" (of g^3).
      random: Whether it draws random numbers.
      decays: Whether it is a function of t/T, so that T must be known.
    """

    name: str
    latex: str
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


BASE_OPERANDS = _table(
    Word("g", "g"),
    Word("g^2", "g^{2}"),
    Word("g^3", "g^{3}"),
    Word("m", r"\hat{m}", averages=("m",)),
    Word("v", r"\hat{v}", averages=("v",)),
    Word("gamma", r"\hat{\gamma}", averages=("gamma",)),
    Word("sign(g)", r"\operatorname{sign}(g)"),
    Word("sign(m)", r"\operatorname{sign}(\hat{m})", averages=("m",)),
    Word("1", "1"),
    Word("2", "2"),
    Word("eps", r"\epsilon", random=True),
    Word("1e-4*w", "10^{-4}w"),
    Word("1e-3*w", "10^{-3}w"),
    Word("1e-2*w", "10^{-2}w"),
    Word("1e-1*w", "10^{-1}w"),
    Word("Adam", r"\mathrm{Adam}", averages=("m", "v")),
    Word("RMSProp", r"\mathrm{RMSProp}", averages=("v",)),
)

# Functions of the step t and the number of steps T; the values of n are those of the papers' tables.
DECAY_OPERANDS = _table(
    Word("ld", r"\mathrm{ld}", decays=True),
    Word("cd", r"\mathrm{cd}", decays=True),
    Word("cd_1", r"\mathrm{cd}_{1}", decays=True),
    Word("rd_10", r"\mathrm{rd}_{10}", decays=True),
    Word("rd_20", r"\mathrm{rd}_{20}", decays=True),
    Word("eps_t", r"\epsilon_{t}", random=True),
)

OPERANDS = {**BASE_OPERANDS, **DECAY_OPERANDS}

UNARIES = _table(
    Word("identity", "$x"),
    Word("neg", "-$x"),
    Word("exp", "e^{$x}"),
    Word("log", r"\log\left|$x\right|"),
    Word("sqrt", r"\sqrt{\left|$x\right|}"),
    Word("clip_1e-5", r"\operatorname{clip}($x, 10^{-5})"),
    Word("clip_1e-4", r"\operatorname{clip}($x, 10^{-4})"),
    Word("clip_1e-3", r"\operatorname{clip}($x, 10^{-3})"),
    Word("drop_0.1", r"\operatorname{drop}($x, 0.1)", random=True),
    Word("drop_0.3", r"\operatorname{drop}($x, 0.3)", random=True),
    Word("drop_0.5", r"\operatorname{drop}($x, 0.5)", random=True),
    Word("sign", r"\operatorname{sign}($x)"),
    # In Table 6, outside both papers' search spaces.
    Word("sigmoid", r"\operatorname{sigmoid}($x)"),
)

BINARIES = _table(
    Word("add", "$x + $y"),
    Word("sub", "$x - $y"),
    Word("mul", r"$x \cdot $y"),
    Word("div", r"\frac{$x}{$y + \delta}"),
    Word("pow", "{$x}^{$y}"),
    Word("left", "$x"),
)

FULL = Vocabulary(tuple(OPERANDS), tuple(UNARIES), tuple(BINARIES))

# Hyperparameters of section 4.2, the same for every rule.
BETA_1, BETA_2, BETA_3 = 0.9, 0.999, 0.999
DELTA = 1e-8
