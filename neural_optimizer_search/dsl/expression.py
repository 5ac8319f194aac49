"""Expression trees: what a rule computes, independent of how its string spells it.

A random word draws anew wherever it is written. Words that read the same draw have its number, as in `eps#1 - eps#1`.
"""

import dataclasses
import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Union

from neural_optimizer_search.dsl.numbers import NUMBER, write_number
from neural_optimizer_search.dsl.vocabulary import OPERANDS, UNARIES


@dataclass(frozen=True)
class Operand:
    """A leaf; `draw` is the number of its draw, 0 if no other word reads it."""

    name: str
    draw: int = 0


@dataclass(frozen=True)
class Unary:
    """A function of one expression; `draw` is the number of its draw, 0 if no other word reads it."""

    name: str
    x: "Expression"
    draw: int = 0


@dataclass(frozen=True)
class Binary:
    """A function of two expressions."""

    name: str
    x: "Expression"
    y: "Expression"
    draw: ClassVar[int] = 0  # no binary function is random


Expression = Union[Operand, Unary, Binary]

ONE = Operand("1")


def children(expression: Expression) -> list[Expression]:
    """The arguments of a function; none of an operand."""
    return [getattr(expression, side) for side in ("x", "y") if hasattr(expression, side)]


def operands(expression: Expression) -> set[str]:
    """The names of the operands that the expression reads, as a set."""
    if isinstance(expression, Operand):
        return {expression.name}
    return set().union(*map(operands, children(expression)))


# -- Draws -----------------------------------------------------------------------------------------


def is_random(expression: Expression) -> bool:
    """Whether its outermost word draws random numbers."""
    table = OPERANDS if isinstance(expression, Operand) else UNARIES
    return not isinstance(expression, Binary) and table[expression.name].random


def draws_anew(expression: Expression) -> bool:
    """Whether the same expression, written once more, has another value, because a word in it draws anew."""
    left = [expression]
    while left:
        node = left.pop()
        if not node.draw:  # what has a number has one value, and so has its argument
            if is_random(node):
                return True
            left += children(node)
    return False


def number_draws(expression: Expression) -> Expression:
    """The expression with its draws numbered from 1, in the order of its text; those that are read once have none."""
    counts: Counter[int] = Counter()
    _count_draws(expression, counts)
    numbers = {draw: number for number, draw in enumerate((draw for draw, n in counts.items() if n > 1), 1)}
    return _renumber(expression, numbers) if counts else expression


def _count_draws(expression, counts):
    for child in children(expression):
        _count_draws(child, counts)
    # The text has the number of a function after its argument.
    if expression.draw:
        counts[expression.draw] += 1


def _renumber(expression, numbers):
    if isinstance(expression, Operand):
        return Operand(expression.name, numbers.get(expression.draw, 0))
    if isinstance(expression, Unary):
        return Unary(expression.name, _renumber(expression.x, numbers), numbers.get(expression.draw, 0))
    return Binary(expression.name, _renumber(expression.x, numbers), _renumber(expression.y, numbers))


# -- Simpler spellings -----------------------------------------------------------------------------

# An operand that is named after a function of another operand, such as sign(g), equals that function.
_FUNCTION_OF_OPERAND = {
    (match[1], Operand(match[2])): Operand(name)
    for name in OPERANDS
    if (match := re.fullmatch(r"(\w+)\((.+)\)", name)) and match[1] in UNARIES
}
# (function, argument) -> a simpler expression with the same value.
_SIMPLER_UNARY: dict[tuple[str, Expression], Expression] = {
    **_FUNCTION_OF_OPERAND,
    ("sign", Operand("g^3")): Operand("sign(g)"),
    ("sign", Operand("sign(g)")): Operand("sign(g)"),
    ("sign", Operand("sign(m)")): Operand("sign(m)"),
    ("sqrt", ONE): ONE,
}
_NEUTRAL_RIGHT = {("mul", ONE), ("div", ONE), ("pow", ONE)}
_OPPOSITE = {"add": "sub", "sub": "add"}
COMMUTATIVE = {"add", "mul", "min", "max"}
_OF_SIZES = {"abs", "log", "sqrt"}  # functions of |x|
# Products of a number and w, in either order, for which there is a word.
_SCALED_WEIGHTS = {
    pair: Operand(name)
    for name in OPERANDS
    if (match := re.fullmatch(rf"({NUMBER})\*w", name))
    for number in [Operand(write_number(float(match[1])))]
    for pair in ((number, Operand("w")), (Operand("w"), number))
}
# Powers for which there is a word. The word 2 as the power of g stays as it is: keys in old ledgers contain it.
_POWERS: dict[tuple[Expression, Expression], Expression] = {
    (Operand(match[1]), Operand(match[2])): Operand(name)
    for name in OPERANDS
    if (match := re.fullmatch(rf"(\w+)\^({NUMBER})", name)) and match[2] not in set(OPERANDS)
}


def simplify(expression: Expression) -> Expression:
    """An expression of equal value without redundant words (division by 1+δ counts as division by 1)."""
    if isinstance(expression, Operand):
        return expression
    if isinstance(expression, Unary):
        x = simplify(expression.x)
        # No random word has a simpler spelling.
        return Unary(expression.name, x, expression.draw) if expression.draw else _simplify_unary(expression.name, x)
    return _simplify_binary(expression.name, simplify(expression.x), simplify(expression.y))


def _simplify_unary(name, x):
    if name == "identity" or (name == "sign" and isinstance(x, Unary) and x.name == "sign"):
        return x
    if name == "neg" and isinstance(x, Unary) and x.name == "neg":
        return x.x
    if isinstance(x, Unary) and ((name in _OF_SIZES and x.name == "abs") or (name, x.name) == ("abs", "neg")):
        return _simplify_unary(name, x.x)
    if name == "abs" and is_number(x):
        return x
    if name == "sign" and is_number(x) and float(x.name) > 0.0:
        return ONE
    return _SIMPLER_UNARY.get((name, x), Unary(name, x))


def is_number(expression: Expression) -> bool:
    """Whether it is a number, such as 1 or 3e-4."""
    return isinstance(expression, Operand) and re.fullmatch(NUMBER, expression.name) is not None


def _simplify_binary(name, x, y):
    if name == "left" or (name, y) in _NEUTRAL_RIGHT:
        return x
    if name == "mul" and x == ONE:
        return y
    if name in _OPPOSITE and isinstance(y, Unary) and y.name == "neg":
        return _simplify_binary(_OPPOSITE[name], x, y.x)
    if name == "pow" and (x, y) in _POWERS:
        return _POWERS[x, y]
    return (name == "mul" and _scale_weight(x, y)) or Binary(name, x, y)


def _scale_weight(x, y):
    """x·y with one word for its last two factors, if these are a number and w and there is such a word; else None."""
    if isinstance(x, Operand):
        return _SCALED_WEIGHTS.get((x, y))
    last = {"neg": "x", "mul": "y"}.get(x.name)
    scaled = last and _scale_weight(getattr(x, last), y)
    return scaled and dataclasses.replace(x, **{last: scaled})


def canonical(expression: Expression) -> Expression:
    """The simplified expression with the sides of + and * in a fixed order: equal for a*b and b*a."""
    return number_draws(_order(simplify(expression))[0])


def _order(expression):
    """(the ordered expression, the text that orders it); keys in old ledgers depend on these texts."""
    if isinstance(expression, Operand):
        return expression, f"Operand(name={expression.name!r})"
    if isinstance(expression, Unary):
        x, text = _build(Unary, expression.name, _order(expression.x))
        return (dataclasses.replace(x, draw=expression.draw) if expression.draw else x), text
    name, x, y = expression.name, _order(expression.x), _order(expression.y)
    if name == "sub":
        # `simplify` leaves no -y here.
        name, y = "add", _build(Unary, "neg", y)
    if name in COMMUTATIVE and y[1] < x[1]:
        x, y = y, x
    return _build(Binary, name, x, y)


def _build(kind, name, *sides):
    texts = "".join(f", {side}={text}" for side, (_, text) in zip("xy", sides))
    return kind(name, *(x for x, _ in sides)), f"{kind.__name__}(name={name!r}{texts})"
