"""A piece of Python code that takes the place of an array: an operation on it, such as +, gives a longer piece."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from neural_optimizer_search.dsl.numbers import NUMBER, write_number
from neural_optimizer_search.dsl.precedence import Binding, bracket

# What the value of a piece is when the code runs: a Python number that is the same at each step, a scalar such as t /
# T, or a tensor of the gradient's size.
Kind = IntEnum("Kind", "NUMBER SCALAR TENSOR", start=0)


def _operator(name: str) -> tuple[Callable[..., "Code"], Callable[..., "Code"]]:
    """The methods for `x <operator> y`, where x is code and where only y is."""
    return (lambda x, y: x.ops.infix(name, x, y)), (lambda y, x: y.ops.infix(name, x, y))


@dataclass(frozen=True)
class Code:
    """A Python expression.

    Attributes:
      text: The expression.
      ops: The `CodeOperations` that write what is computed from it.
      binding: The precedence of its outermost operator.
      kind: The kind of its value.
      wide: Whether it stands for an array of the gradient's size. A number or a scalar that does so is written as it
        is wherever the array library broadcasts it.
      reads: The names that it and the lines that it reads need: arguments of the equation, names of the file.
    """

    text: str
    ops: Any = field(repr=False, compare=False)
    binding: Binding = Binding.ATOM
    kind: Kind = Kind.TENSOR
    wide: bool = True
    reads: frozenset[str] = frozenset()

    __add__, __radd__ = _operator("add")
    __sub__, __rsub__ = _operator("sub")
    __mul__, __rmul__ = _operator("mul")
    __truediv__, __rtruediv__ = _operator("div")
    __pow__, __rpow__ = _operator("pow")
    __mod__, __rmod__ = _operator("mod")
    # Python itself evaluates 2 > x as x < 2.
    (__lt__, _), (__le__, _), (__gt__, _), (__ge__, _) = map(_operator, ("lt", "le", "gt", "ge"))

    def __neg__(self) -> "Code":
        return self.derive(f"-{self.enclosed(Binding.ATOM)}", self, binding=Binding.NEGATION)

    @property
    def is_comparison(self) -> bool:
        """Whether its values are true and false."""
        return self.binding == Binding.COMPARISON

    def enclosed(self, needed: Binding) -> str:
        """Its text, in brackets if its precedence is lower than needed."""
        return bracket(self.text, self.binding, needed)

    def widened(self) -> "Code":
        """The same piece, marked as standing for an array."""
        return replace(self, wide=True)

    def derive(self, text: str, *of: "Code", binding: Binding = Binding.ATOM) -> "Code":
        """An expression built from others."""
        return Code(
            text,
            self.ops,
            binding,
            kind=max(x.kind for x in of),
            wide=any(x.wide for x in of),
            reads=frozenset().union(*(x.reads for x in of)),
        )


def spell_number(x: float) -> str:
    """A number as a person would write it.

    Example:
      >>> from neural_optimizer_search.dsl.exports.code import spell_number
      >>> [spell_number(x) for x in (2, 0.3, 1e-8, -0.0001, 0.1, 10.0, 1000.0)]
      ['2', '0.3', '1e-8', '-1e-4', '0.1', '10.0', '1e3']
    """
    text = write_number(x)
    return repr(x) if isinstance(x, float) and text.lstrip("-").isdigit() else text


def is_simple(text: str) -> bool:
    """Whether it is a name or a number, for which the code style puts no spaces around **."""
    text = text[1:] if text.startswith("-") else text
    return all(part.isidentifier() for part in text.split(".")) or bool(re.fullmatch(NUMBER, text))
