"""The numbers inside a rule's formula, which may be tuned in addition to the constants that all its words share."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.families import split_member
from neural_optimizer_search.dsl.numbers import NUMBER, write_number
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import OPERANDS, UNARIES

FACTOR_OF_W = "c*w"  # the family of the old words such as "1e-4*w"
# The factor of y in on_matrices(x, y), where y has none of its own: vectors need another rate than matrices.
SHARE = "share"
_FACTOR = re.compile(rf"(?P<number>{NUMBER})\*w")


class Number(NamedTuple):
    """A number inside a formula.

    Attributes:
      name: Its name, such as "clip"; "clip 0.1", with its value, if there are several of the kind; "clip 0.1 (2)" if
        there are equal ones.
      family: The row of the language whose member it belongs to, such as "clip_c"; or `FACTOR_OF_W`.
      value: Its value.
    """

    name: str
    family: str
    value: float


def find_numbers(rule: Rule) -> list[Number]:
    """The numbers inside a rule's formula, from left to right.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.trials.numbers_in_rule import find_numbers
      >>> [(number.name, number.value) for number in find_numbers(parse_formula("drop(m, 0.3) + 1e-2*w"))]
      [('drop', 0.3), ('factor of w', 0.01)]
    """
    found: list[tuple[str, float]] = []
    _rebuild(ex.simplify(rule.expression()), lambda family, value: found.append((family, value)))
    kinds = [_NAMES.get(family, family[:-2]) for family, _ in found]
    names = [
        kind if kinds.count(kind) == 1 else f"{kind} {write_number(value)}" for kind, (_, value) in zip(kinds, found)
    ]
    before = [names[:i].count(name) for i, name in enumerate(names)]
    return [
        Number(f"{name} ({count + 1})" if count else name, *one) for name, count, one in zip(names, before, found)
    ]


def replace_numbers(rule: Rule, numbers: Sequence[float], constants: Mapping[str, float]) -> Rule:
    """Replaces the numbers inside a rule's formula, in the order of `find_numbers`, and its constants by name."""
    left = iter(numbers)

    def take(family, value):
        number = next(left)
        return None if number == value else number

    expression = _rebuild(ex.simplify(rule.expression()), take)
    return Rule.from_expression(expression, Constants(**{**vars(rule.constants), **constants}))


# -- Numbers as parts of words ---------------------------------------------------------------------

_NAMES = {"c": "number", FACTOR_OF_W: "factor of w", SHARE: "share of vectors"}


def _rebuild(node: ex.Expression, number: Callable[[str, float], Optional[float]]) -> ex.Expression:
    """Replaces each number in an expression with `number(family, value)`; None leaves the word as it is."""
    if isinstance(node, ex.Operand):
        if (match := _FACTOR.fullmatch(node.name)) is not None:
            new = number(FACTOR_OF_W, float(match["number"]))
            return node if new is None else ex.Binary("mul", ex.Operand(write_number(new)), ex.Operand("w"))
        return ex.Operand(_rename(node.name, OPERANDS, number), node.draw)
    if isinstance(node, ex.Unary):
        name = _rename(node.name, UNARIES, number)
        return ex.Unary(name, _rebuild(node.x, number), node.draw)
    x, y = _rebuild(node.x, number), _rebuild(node.y, number)
    if node.name == "on_matrices" and not _has_factor(node.y) and (share := number(SHARE, 1.0)) is not None:
        y = ex.Binary("mul", ex.Operand(write_number(share)), y)
    return ex.Binary(node.name, x, y)


def _has_factor(node):
    sides = ex.children(node) if isinstance(node, ex.Binary) and node.name == "mul" else ()
    return any(isinstance(side, ex.Operand) and (split_member(side.name) or ("",))[0] == "c" for side in sides)


def _rename(name, table, number):
    """The name of the family member with the new number; also for a word that equals a member, such as clip_1e-3."""
    family, value = split_member(name) or ("", 0.0)
    if family not in set(table):
        return name
    new = number(family, value)
    return name if new is None else table.name(family, new)
