"""The words of the language: operands, unary functions and binary functions (arXiv v2, section 4.1).

Plain tables: a row is a word, with its LaTeX, the state that it needs and what it computes. Everything else is
derived from the row: what a child, an optimizer and the screen compute, how formulas are read and shown, and exported
code.

A new row goes to the end of its table, because a token is the index of a word in it, and checkpoints and reports
contain tokens. It is not added to any search space: spaces list their words (`presets.py`).

A row whose name ends in "_c" is a family, a word for each number: `drop_c` has the members `drop_0.2`, `drop_0.25`...
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from neural_optimizer_search.decays import annealed_noise_stddev, cyclical, linear, restart
from neural_optimizer_search.dsl.families import (
    ANY_NUMBER,
    BETWEEN_0_AND_1,
    FROM_0_TO_1,
    POSITIVE,
    Range,
    Table,
    is_family,
    name_member,
)
from neural_optimizer_search.dsl.numbers import write_latex


@dataclass(frozen=True)
class Word:
    """One row of a table.

    Attributes:
      name: The word in tables and formulas; unique within its table.
      latex: LaTeX; `$x` and `$y` stand for a function's arguments, `$c` for the number of a family.
      value: Computes the word from a namespace of operations (`operations/`), the `State` (`state.py`), the arguments
        of a function, and finally the number of a family. All arrays have the shape of the gradient.
      averages: The rows of `dsl/averages.py` that it reads, such as "m", the running average of g.
      random: Whether it draws random numbers.
      decays: Whether it is a function of t/T, so that T must be known.
      per_tensor: Whether it is a function of each weight tensor as a whole, so that its shape must be known.
      range: For a family, the numbers that it has members for.
      family, constant: For a member of a family, the name of its row and its number.
    """

    name: str
    latex: str
    value: Callable[..., Any]
    averages: tuple[str, ...] = ()
    random: bool = False
    decays: bool = False
    per_tensor: bool = False
    range: Range = ANY_NUMBER
    family: str = ""
    constant: Optional[float] = None

    def member(self, name: str, constant: float) -> "Word":
        """The member of the family with this number."""
        value = self.value
        return dataclasses.replace(
            self,
            name=name,
            latex=self.latex.replace("$c", write_latex(constant)),
            value=lambda *arguments: value(*arguments, constant),
            averages=tuple(name_member(read, constant) if is_family(read) else read for read in self.averages),
            family=self.name,
            constant=constant,
        )


@dataclass(frozen=True)
class Vocabulary:
    """The words that tokens index, in order; a token is an index into one of these tuples."""

    operands: tuple[str, ...]
    unaries: tuple[str, ...]
    binaries: tuple[str, ...]


def _anneal_noise(ops, s):
    return ops.cast_like(annealed_noise_stddev(s.t), s.g) * s.normal()


def _drop(ops, s, x, probability):
    """Zeroes with the given probability; the elements that remain are not rescaled."""
    uniform = s.uniform()
    return ops.where(uniform < ops.cast_like(probability, uniform), ops.zeros_like(x), x)


def _clip(ops, s, x, limit):
    return ops.clip(x, -limit, limit)


def _look_ahead(ops, s):
    """The average of g after the next step, if the gradient stays the same (Dozat, 2016; as in optax)."""
    beta = s.beta_of("m")
    return s.correct(s.kept("m"), beta, steps_ahead=1) * (1.0 - beta.complement) + s.correct(
        s.g * beta.complement, beta
    )


def _interpolate(ops, s, c):
    """Lion's β_1·(the average before this step) + (1-β_1)·g (Chen et al., 2023), with c as the average's β."""
    # kept = c·before + (1-c)·g
    beta, own = s.beta("beta_1"), s.beta_of("m_c", c)
    kept = s.kept("m_c", c)
    before = (kept - own.complement * s.g) / (1.0 - own.complement)
    return before + (s.g - before) * beta.complement


def _cautious(ops, s, x):
    """x where its sign agrees with g's, divided by the share of weights where it does (Liang et al., 2024)."""

    def cautious(x, g):
        agree = ops.cast_like(x * g > 0.0, x)
        return x * agree / ops.maximum(ops.mean(agree), ops.cast_like(1e-3, x))

    return s.each_tensor(cautious, x, s.g)


def _normalize(ops, s, x):
    """x divided by its root mean square."""
    return s.each_tensor(lambda x: x / (ops.sqrt(ops.mean(ops.square(x))) + s.epsilon), x)


def _trust(ops, s, x):
    """x scaled to the norm of the weights; unchanged where either norm is 0 (LAMB: You et al., 2019)."""

    def trust(x, w):
        of_w, of_x = (ops.sqrt(ops.mean(ops.square(y))) for y in (w, x))
        one, both = ops.ones_like(of_x), ops.minimum(of_w, of_x) > 0.0
        return x * ops.where(both, of_w / ops.where(both, of_x, one), one)

    return s.each_tensor(trust, x, s.w)


OPERANDS = Table(
    Word("g", "g", lambda ops, s: s.g),
    Word("g^2", "g^{2}", lambda ops, s: ops.square(s.g)),
    Word("g^3", "g^{3}", lambda ops, s: s.g * ops.square(s.g)),
    Word("m", r"\hat{m}", lambda ops, s: s.hat("m"), averages=("m",)),
    Word("v", r"\hat{v}", lambda ops, s: s.hat("v"), averages=("v",)),
    Word("gamma", r"\hat{\gamma}", lambda ops, s: s.hat("gamma"), averages=("gamma",)),
    Word("sign(g)", r"\operatorname{sign}(g)", lambda ops, s: ops.sign(s.g)),
    Word("sign(m)", r"\operatorname{sign}(\hat{m})", lambda ops, s: ops.sign(s.kept("m")), averages=("m",)),
    Word("1", "1", lambda ops, s: s.fill(1)),
    Word("2", "2", lambda ops, s: s.fill(2)),
    Word("eps", r"\epsilon", lambda ops, s: 0.1 * s.normal(), random=True),
    Word("1e-4*w", "10^{-4}w", lambda ops, s: 1e-4 * s.w),
    Word("1e-3*w", "10^{-3}w", lambda ops, s: 1e-3 * s.w),
    Word("1e-2*w", "10^{-2}w", lambda ops, s: 1e-2 * s.w),
    Word("1e-1*w", "10^{-1}w", lambda ops, s: 1e-1 * s.w),
    Word(
        "Adam", r"\mathrm{Adam}", lambda ops, s: s.hat("m") / (ops.sqrt(s.hat("v")) + s.epsilon),
        averages=("m", "v"),
    ),
    Word("RMSProp", r"\mathrm{RMSProp}", lambda ops, s: s.g / (ops.sqrt(s.hat("v")) + s.epsilon), averages=("v",)),
    # Functions of the step t and the number of steps T; the values of n are those of the papers' tables.
    Word("ld", r"\mathrm{ld}", lambda ops, s: s.fill(linear(ops, s.t, s.T)), decays=True),
    Word("cd", r"\mathrm{cd}", lambda ops, s: s.fill(cyclical(ops, s.t, s.T)), decays=True),
    Word("cd_1", r"\mathrm{cd}_{1}", lambda ops, s: s.fill(cyclical(ops, s.t, s.T, 1.0)), decays=True),
    Word("rd_10", r"\mathrm{rd}_{10}", lambda ops, s: s.fill(restart(ops, s.t, s.T, 10.0)), decays=True),
    Word("rd_20", r"\mathrm{rd}_{20}", lambda ops, s: s.fill(restart(ops, s.t, s.T, 20.0)), decays=True),
    Word("eps_t", r"\epsilon_{t}", _anneal_noise, random=True),
    # From later papers, and numbers of any size.
    Word("w", "w", lambda ops, s: s.w),
    Word("c", "$c", lambda ops, s, c: s.fill(c)),
    Word("nesterov", r"\mathrm{nesterov}", _look_ahead, averages=("m",)),
    Word(
        "m_c", r"\hat{m}_{$c}", lambda ops, s, c: s.hat("m_c", c),
        averages=("m_c",), range=FROM_0_TO_1,
    ),
    Word("ema_c", "m_{$c}", lambda ops, s, c: s.kept("m_c", c), averages=("m_c",), range=FROM_0_TO_1),
    Word(
        "v_c", r"\hat{v}_{$c}", lambda ops, s, c: s.hat("v_c", c),
        averages=("v_c",), range=FROM_0_TO_1,
    ),
    Word("lion_c", r"\mathrm{lion}_{$c}", _interpolate, averages=("m_c",), range=BETWEEN_0_AND_1),
    Word("belief", r"\hat{s}", lambda ops, s: s.hat("belief"), averages=("belief",)),
    Word("v_max", r"\hat{v}_{\max}", lambda ops, s: s.kept("v_max"), averages=("v_max",)),
    Word(
        "change_c", r"\hat{d}_{$c}", lambda ops, s, c: s.hat("change_c", c),
        averages=("change_c",), range=FROM_0_TO_1,
    ),
    Word(
        "n_c", r"\hat{n}_{$c}", lambda ops, s, c: s.hat("n_c", c),
        averages=("n_c",), range=FROM_0_TO_1,
    ),
    Word(
        "v_muon", r"\hat{v}_{\mathrm{Muon}}", lambda ops, s: s.hat("v_muon"),
        averages=("v_muon",), per_tensor=True,
    ),
)  # fmt: skip

UNARIES = Table(
    Word("identity", "$x", lambda ops, s, x: x),
    Word("neg", "-$x", lambda ops, s, x: -x),
    Word("exp", "e^{$x}", lambda ops, s, x: ops.exp(x)),
    Word("log", r"\log\left|$x\right|", lambda ops, s, x: ops.log(ops.abs(x))),
    Word("sqrt", r"\sqrt{\left|$x\right|}", lambda ops, s, x: ops.sqrt(ops.abs(x))),
    Word("clip_1e-5", r"\operatorname{clip}($x, 10^{-5})", lambda ops, s, x: _clip(ops, s, x, 1e-5)),
    Word("clip_1e-4", r"\operatorname{clip}($x, 10^{-4})", lambda ops, s, x: _clip(ops, s, x, 1e-4)),
    Word("clip_1e-3", r"\operatorname{clip}($x, 10^{-3})", lambda ops, s, x: _clip(ops, s, x, 1e-3)),
    Word("drop_0.1", r"\operatorname{drop}($x, 0.1)", lambda ops, s, x: _drop(ops, s, x, 0.1), random=True),
    Word("drop_0.3", r"\operatorname{drop}($x, 0.3)", lambda ops, s, x: _drop(ops, s, x, 0.3), random=True),
    Word("drop_0.5", r"\operatorname{drop}($x, 0.5)", lambda ops, s, x: _drop(ops, s, x, 0.5), random=True),
    Word("sign", r"\operatorname{sign}($x)", lambda ops, s, x: ops.sign(x)),
    # In Table 6, outside both papers' search spaces.
    Word("sigmoid", r"\operatorname{sigmoid}($x)", lambda ops, s, x: ops.sigmoid(x)),
    # From later papers, and constants of any size.
    Word("clip_c", r"\operatorname{clip}($x, $c)", _clip, range=POSITIVE),
    Word("drop_c", r"\operatorname{drop}($x, $c)", _drop, random=True, range=FROM_0_TO_1),
    Word("tanh", r"\tanh($x)", lambda ops, s, x: ops.tanh(x)),
    Word("abs", r"\left|$x\right|", lambda ops, s, x: ops.abs(x)),
    Word("cautious", r"\operatorname{cautious}($x)", _cautious, per_tensor=True),
    Word("normalize", r"\operatorname{normalize}($x)", _normalize, per_tensor=True),
    Word("trust", r"\operatorname{trust}($x)", _trust, per_tensor=True),
    Word(
        "orthogonalize", r"\operatorname{orthogonalize}($x)", lambda ops, s, x: s.each_tensor(ops.orthogonalize, x),
        per_tensor=True,
    ),
)  # fmt: skip

BINARIES = Table(
    Word("add", "$x + $y", lambda ops, s, x, y: x + y),
    Word("sub", "$x - $y", lambda ops, s, x, y: x - y),
    Word("mul", r"$x \cdot $y", lambda ops, s, x, y: x * y),
    Word("div", r"\frac{$x}{$y + \delta}", lambda ops, s, x, y: x / (y + s.epsilon)),
    # The plain power: NaN for a negative x and a fractional y.
    Word("pow", "{$x}^{$y}", lambda ops, s, x, y: x**y),
    Word("left", "$x", lambda ops, s, x, y: x),
    # From later papers.
    Word("min", r"\min($x, $y)", lambda ops, s, x, y: ops.minimum(x, y)),
    Word("max", r"\max($x, $y)", lambda ops, s, x, y: ops.maximum(x, y)),
    # Muon's rule is for matrices (Jordan et al., 2024): x where a weight tensor is a matrix, y elsewhere.
    Word(
        "on_matrices", r"\operatorname{on\_matrices}($x, $y)",
        lambda ops, s, x, y: s.each_tensor(ops.on_matrices, x, y),
        per_tensor=True,
    ),
)  # fmt: skip

FULL = Vocabulary(tuple(OPERANDS), tuple(UNARIES), tuple(BINARIES))
