"""Splits formulas into tokens, and points at errors in them."""

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from neural_optimizer_search.dsl import spelling
from neural_optimizer_search.dsl.numbers import TYPED_NUMBER

# Number of characters that an error message shows before and after its position.
SHOWN = 100

_SAME_LENGTH = str.maketrans("·×−", "**-")
# The name of a member ends in a number, such as m_0.99.
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{TYPED_NUMBER})|(?P<member>[^\W\d][\w\u0302]*?_{TYPED_NUMBER}(?![\w\u0302]))"
    r"|(?P<name>[^\W\d][\w\u0302]*)|(?P<symbol>\*\*|[-+*/^(),|=#]))"
)
_MEMBER = re.compile(rf"(?P<prefix>.*?_)(?P<number>{TYPED_NUMBER})")


class FormulaError(ValueError):
    """A formula that is not in the language; the message points at the place and lists what is allowed."""


class Token(NamedTuple):
    """A piece of a formula.

    Attributes:
      kind: "number", "member", "name", "symbol" or "end".
      text: Its text, with `*` and `-` in place of their variants.
      position: The index at which it begins.
    """

    kind: str
    text: str
    position: int


def tokenize(formula: str) -> Iterator[Token]:
    """The tokens of a formula, the last one of kind "end"; raises a `FormulaError` at an unexpected character."""
    text = formula.translate(_SAME_LENGTH)
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if not match:
            position += len(text[position:]) - len(text[position:].lstrip())
            fail(formula, f"an unexpected character {text[position]!r}", position, spelling.LEGEND)
        kind = match.lastgroup
        assert kind is not None  # each alternative has a name
        yield Token(kind, match[kind], match.start(kind))
        position = match.end()
    yield Token("end", "", end)


def split_token(text: str) -> tuple[str, float]:
    """Splits a token of kind "member" into the part before its number and the number."""
    match = _MEMBER.fullmatch(text)
    assert match is not None  # the token is one
    return match["prefix"], float(match["number"])


def fail(formula: str, what: str, position: int, allowed: str) -> NoReturn:
    """Raises a `FormulaError`."""
    start = max(0, position - SHOWN)
    # Unprintable characters could move the mark, or do worse to a terminal.
    near = formula[start : position + SHOWN]
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in near)
    raise FormulaError(
        f"Argument `formula` has {what} at position {position}:\n"
        f"  {shown}\n  {' ' * (position - start)}^\nAllowed: {allowed}"
    )
