"""Operator precedence: one table for text, LaTeX, MathML and exported code."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

Piece = TypeVar("Piece")


# How tightly a piece binds, from `x if condition else y` and comparisons, which only code has, to pieces that never
# need brackets.
Binding = IntEnum("Binding", "CONDITION COMPARISON SUM PRODUCT NEGATION POWER ATOM", start=-2)


class Infix(NamedTuple):
    """A binary function as an operator between its sides.

    Attributes:
      own: How tightly the whole binds.
      left, right: How tightly each side must bind; a side that binds less tightly gets brackets.
      symbol: The operator in formulas.
    """

    own: Binding
    left: Binding
    right: Binding
    symbol: str


# Binary word -> its operator's precedence, which is that of Python and of ordinary arithmetic: x - (y - z), x / (y *
# z), (x^y)^z. A word without a row is written as a function of two arguments.
INFIX = {
    "add": Infix(Binding.SUM, left=Binding.SUM, right=Binding.PRODUCT, symbol="+"),
    "sub": Infix(Binding.SUM, left=Binding.SUM, right=Binding.PRODUCT, symbol="-"),
    "mul": Infix(Binding.PRODUCT, left=Binding.PRODUCT, right=Binding.NEGATION, symbol="*"),
    "div": Infix(Binding.PRODUCT, left=Binding.PRODUCT, right=Binding.NEGATION, symbol="/"),
    "pow": Infix(Binding.POWER, left=Binding.ATOM, right=Binding.NEGATION, symbol="^"),
}


def bracket(piece: Piece, binding: Binding, needed: Binding, enclose: Callable[[Any], Any] = "({})".format) -> Piece:
    """The piece, in brackets if it binds less tightly than needed.

    Example:
      >>> from neural_optimizer_search.dsl.precedence import INFIX, Binding, bracket
      >>> bracket("g + m", Binding.SUM, INFIX["mul"].left), bracket("g^2", Binding.POWER, INFIX["mul"].left)
      ('(g + m)', 'g^2')
    """
    return piece if binding >= needed else enclose(piece)
