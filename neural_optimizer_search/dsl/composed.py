"""The space of composed forms: a string picks one row from each of a few tables; together they make a rule.

A direction is normalized, thinned out by noise, scaled by how its sign agrees with the gradient's, scaled by the
weights, and something is added to it. Each table holds what the field has tried for its part, so most published
optimizers, and combinations of them, are strings of this space. To add a form, add a row.
"""

import dataclasses
import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.space import Space

COMPOSED = "composed"


class Part(NamedTuple):
    """A row of a table.

    Attributes:
      name: Its name for the reader.
      formula: Its function of x; for a direction, the direction itself. Constants after it apply to the whole rule.
      source: The paper or author that it comes from.
    """

    name: str
    formula: str
    source: str


DIRECTIONS = (
    Part("gradient", "g", "Robbins and Monro, 1951"),
    Part("momentum", "m", "Polyak, 1964; corrected as in Kingma and Ba, 2014"),
    Part("Nesterov's momentum", "nesterov", "Dozat, 2016"),
    Part("Nesterov's sum", "g + 9 * ema_0.9", "Sutskever et al., 2013"),
    Part("Muon's sum", "g + 19 * ema_0.95", "Jordan et al., 2024"),
    Part("Lion's interpolation", "lion_0.99", "Chen et al., 2023"),
    Part("short momentum", "m_0.5", "β₁ 0.5: Radford et al., 2015"),
    Part("long momentum", "m_0.99", "β₁ 0.99: Lucas et al., 2018"),
    Part("two momenta", "m + 5 * ema_0.9999", "Pagliardini et al., 2024 (AdEMAMix)"),
    Part("momentum and its change", "m + 0.92 * change_0.92", "Xie et al., 2022 (Adan)"),
)
NORMALIZATIONS = (
    Part("as it is", "x", ""),
    Part("sign", "sign(x)", "Bernstein et al., 2018 (signSGD)"),
    Part("over the root of v", "x / sqrt(|v|)", "Tieleman and Hinton, 2012 (RMSProp)"),
    Part("over the root of a short v", "x / sqrt(|v_0.9|)", "β₂ 0.9: Tieleman and Hinton, 2012"),
    Part("over the root of v's maximum", "x / sqrt(|v_max|)", "Reddi et al., 2018 (AMSGrad)"),
    Part(
        "over the root of the belief", "x / sqrt(|belief + 1e-13|), epsilon=1e-16",
        "Zhuang et al., 2020 (AdaBelief)",
    ),
    Part(
        "over the root of Adan's n", "x / sqrt(|n_0.92|), beta_1=0.98, beta_3=0.99", "Xie et al., 2022 (Adan)"
    ),
    Part("root of its size", "sign(x) * sqrt(|x|)", "Bello et al., 2017 (sign(g) * sqrt(|m|), Table 6)"),
    Part(
        "orthogonal matrices", "on_matrices(orthogonalize(x), m / sqrt(|v|)), beta_2=0.95, epsilon=1e-10",
        "Jordan et al., 2024 (Muon)",
    ),
    Part(
        "orthogonal matrices, over the root of their outputs' squares",
        "on_matrices(orthogonalize(x) / sqrt(|v_muon|), m / sqrt(|v|)), beta_2=0.95, epsilon=1e-10",
        "Li et al., 2025 (NorMuon)",
    ),
)  # fmt: skip
NOISES = (
    Part("none", "x", ""),
    Part("drop 0.1", "drop(x, 0.1)", "Bello et al., 2017"),
    Part("drop 0.3", "drop(x, 0.3)", "Bello et al., 2017"),
)
AGREEMENTS = (
    Part("none", "x", ""),
    Part("AddSign", "(1 + sign(g) * sign(m)) * x", "Bello et al., 2017"),
    Part("PowerSign", "exp(sign(g) * sign(m)) * x", "Bello et al., 2017"),
    Part("PowerSign, decaying", "exp(ld * sign(g) * sign(m)) * x", "Bello et al., 2017"),
    Part("cautious", "cautious(x)", "Liang et al., 2024"),
    Part("grams", "sign(g) * |x|", "Cao et al., 2024"),
)
SCALES = (
    Part("none", "x", ""),
    Part("root of the weight", "sqrt(|w|) * x", "found by searches of this project"),
    Part("the weight", "|w| * x", "found by searches of this project"),
    Part("its root mean square", "normalize(x)", "Shazeer and Stern, 2018 (Adafactor's clipping, always)"),
    Part("trust ratio", "trust(x)", "You et al., 2019 (LAMB)"),
)
ADDITIONS = (
    Part("none", "x", ""),
    Part("RMSProp", "x + g / sqrt(|v|)", "found by searches of this project (Adam + RMSProp)"),
    Part("decay 0.01", "x + 1e-2*w", "Loshchilov and Hutter, 2017 (AdamW)"),
    Part("decay 0.1", "x + 1e-1*w", "Loshchilov and Hutter, 2017"),
)
TABLES = (DIRECTIONS, NORMALIZATIONS, NOISES, AGREEMENTS, SCALES, ADDITIONS)


@dataclass(frozen=True)
class ComposedSpace(Space):
    """Strings of six tokens: direction, normalization, noise, agreement, scale, addition. Every string is legal.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.dsl.composed import ComposedSpace
      >>> space = ComposedSpace()
      >>> space.decode([1, 2, 0, 0, 1, 0]).formula()
      'sqrt(|w|) * Adam'
      >>> space.embed(parse_formula("sign(lion_0.99)"))
      (5, 1, 0, 0, 0, 0)
    """

    name: str = COMPOSED

    @property
    def title(self) -> str:
        """Its name in words."""
        return f"{self.name} forms"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of rows of each table."""
        return tuple(map(len, TABLES))

    @property
    def size(self) -> int:
        """The exact number of strings; no two of them spell the same rule."""
        return math.prod(self.sizes)

    def legal_tokens(self, prefixes: np.ndarray) -> np.ndarray:
        """Allows every row; see `Space`."""
        batch, position = np.shape(prefixes)
        return np.tile(np.arange(max(self.sizes)) < self.sizes[position], (batch, 1))

    def decode(self, tokens: Iterable[int]) -> Rule:
        """Tokens of this space -> `Rule`."""
        tokens = tuple(map(int, tokens))
        if not self.is_legal(tokens):
            raise ValueError(
                f"Argument `tokens` must hold {self.length} ids, below {self.sizes} each. Received: {tokens!r:.200}."
            )
        whole, changes = _X, {}
        for row in (rows[token] for rows, token in zip(_read_tables(), tokens)):
            whole = _replace(row.expression, {_X: whole})
            changes.update(row.constants.changes())
        return Rule.from_expression(ex.simplify(_replace(whole, _WORDS)), Constants.from_changes(changes))

    def encode(self, rule: Rule) -> tuple[int, ...]:
        """`Rule` decoded by this space -> its tokens; raises a ValueError if it is from another space."""
        tokens = self.embed(rule)
        if tokens is None:
            raise ValueError(f"The rule `{rule}` is none of the composed forms.")
        return tokens

    def embed(self, rule: Rule) -> Optional[tuple[int, ...]]:
        """The string that is equivalent to any given rule; None if there is none."""
        return _find_string(rule)

    def embed_form(self, rule: Rule) -> Optional[tuple[int, ...]]:
        """Like `embed`, but ignores constants that words share if no string is equivalent otherwise."""
        return _find_string(rule) or _find_string(rule, with_constants=False)


@functools.lru_cache(4096)  # a search looks up its best rules again and again
def _find_string(rule, with_constants=True):
    space, whole = ComposedSpace(), _spell_out(rule)
    meaning = ex.canonical(whole)

    def means_the_same(tokens):
        other = space.decode(tokens)
        is_alike = rule.constants == other.constants or not with_constants
        return is_alike and ex.canonical(_spell_out(other)) == meaning

    return next(filter(means_the_same, _take_apart(whole, len(TABLES) - 1)), None)


# -- Forms as trees ------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """The function of `_X` that a row stands for, and the constants that it sets."""

    expression: ex.Expression
    constants: Constants


_X = ex.Operand("gamma")  # stands for x; no row uses this word
# Words that abbreviate expressions in other words. They are written out when forms are composed and decomposed.
_FORMS: dict[ex.Expression, ex.Expression] = {
    ex.Operand("sign(g)"): ex.Unary("sign", ex.Operand("g")),
    ex.Operand("sign(m)"): ex.Unary("sign", ex.Operand("m")),
    **{
        ex.Operand(word): ex.Binary("div", ex.Operand(x), ex.Unary("sqrt", ex.Operand("v")))
        for word, x in {"Adam": "m", "RMSProp": "g"}.items()
    },
}
_WORDS = {form: word for word, form in _FORMS.items()}


def _replace(expression: ex.Expression, others: Mapping[ex.Expression, ex.Expression]) -> ex.Expression:
    """The expression with some of its parts replaced, the innermost first."""
    sides = {side: _replace(getattr(expression, side), others) for side in ("x", "y") if hasattr(expression, side)}
    whole = dataclasses.replace(expression, **sides)
    return others.get(whole, whole)


def _spell_out(rule):
    return _replace(ex.simplify(rule.expression()), _FORMS)


@functools.cache
def _read_tables() -> tuple[tuple[_Row, ...], ...]:
    def read(part):
        rule = parse_formula(re.sub(r"\bx\b", _X.name, part.formula))
        return _Row(_spell_out(rule), rule.constants)

    return tuple(tuple(map(read, table)) for table in TABLES)


def _take_apart(whole: ex.Expression, last: int) -> Iterator[tuple[int, ...]]:
    """Yields the tokens, for the tables up to number `last`, that may spell an expression."""
    for token, row in enumerate(_read_tables()[last]):
        if last:
            for inner in _match(row.expression, whole):
                yield from ((*tokens, token) for tokens in _take_apart(inner, last - 1))
        elif ex.canonical(row.expression) == ex.canonical(whole):
            yield (token,)


def _match(template: ex.Expression, whole: ex.Expression) -> Iterator[Any]:
    """Yields each x for which the template equals an expression, or None if the template has no x."""
    if template == _X:
        yield whole
    elif type(template) is type(whole) and template.name == whole.name:
        sides = ex.children(whole)
        for ordered in [sides, sides[::-1]] if whole.name in ex.COMMUTATIVE else [sides]:
            yield from _join([list(_match(*pair)) for pair in zip(ex.children(template), ordered)])


def _join(found):
    """Yields each x on which both sides of a function agree."""
    for one in itertools.product(*found):
        different = {x for x in one if x is not None}
        if len(different) <= 1:
            yield next(iter(different), None)
