"""Tables of named rows, some of which stand for a family: one row for all numbers, such as `clip_c`."""

import functools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.dsl.numbers import NUMBER, write_number

_MEMBER = re.compile(rf"(?P<prefix>(?:\w*_)?)(?P<number>{NUMBER})")


class Range(NamedTuple):
    """The numbers that a family has members for.

    Attributes:
      text: The range in words, for messages.
      has: Whether a number is in it.
    """

    text: str
    has: Callable[[float], bool]


ANY_NUMBER = Range("a finite number of at least 0", lambda c: 0.0 <= c < math.inf)
POSITIVE = Range("a finite number above 0", lambda c: 0.0 < c < math.inf)
BETWEEN_0_AND_1 = Range("a number above 0 and below 1", lambda c: 0.0 < c < 1.0)
FROM_0_TO_1 = Range("a number from 0 to below 1", lambda c: 0.0 <= c < 1.0)


class Table(dict):
    """Rows by name. A row whose name is "c", or ends in "_c", is a family: it has a `range` and a method `member`.

    Iteration visits only the rows; lookup also finds members: `table["clip_0.02"]` is the row "clip_c", but with the
    number bound to its functions, and `family` and `constant` say which member it is. A member that has a row of its
    own, such as "clip_1e-3", is that row.
    """

    def __init__(self, *rows: Any) -> None:
        super().__init__((row.name, row) for row in rows)
        self.find = functools.lru_cache(maxsize=4096)(self._find)  # writing a number takes as long as some words

    def __missing__(self, name: str) -> Any:
        if (row := self.find(name)) is None:
            raise KeyError(name)
        return row

    def __contains__(self, name: object) -> bool:
        """Whether there is such a row or member; the name of a family does not count."""
        return isinstance(name, str) and self.find(name) is not None

    def _find(self, name: str) -> Optional[Any]:
        """The row or member of a name; None if there is none."""
        if name in self.keys():
            return None if is_family(name) else self[name]
        family, number = split_member(name) or ("", 0.0)
        row = self.get(family)
        if row is None or not row.range.has(number):
            return None
        written = name_member(family, number)
        return self[written] if written in self.keys() else row.member(written, number)

    def name(self, family: str, constant: float) -> str:
        """The name of a member as it is written; raises a ValueError if the family has no member for the number."""
        row = self[family]
        if not row.range.has(constant):
            raise ValueError(f"The number of {family!r} must be {row.range.text}. Received: {constant!r}.")
        return name_member(family, constant)


def is_family(name: str) -> bool:
    """Whether a row of this name stands for a family."""
    return name == "c" or name.endswith("_c")


def name_member(family: str, constant: float) -> str:
    """The name of the member of a family that has this number.

    Example:
      >>> from neural_optimizer_search.dsl.families import name_member
      >>> name_member("clip_c", 0.02), name_member("c", 3e-4)
      ('clip_0.02', '3e-4')
    """
    return family[:-1] + write_number(constant)


def split_member(name: str) -> Optional[tuple[str, float]]:
    """The family and the number that a name consists of; None if it is not the name of a member.

    Example:
      >>> from neural_optimizer_search.dsl.families import split_member
      >>> split_member("clip_0.02"), split_member("tanh")
      (('clip_c', 0.02), None)
    """
    match = _MEMBER.fullmatch(name)
    return (f"{match['prefix']}c", float(match["number"])) if match else None


def make_identifier(name: str) -> str:
    """The name of a row or member as an identifier that Python and all frameworks accept.

    Example:
      >>> from neural_optimizer_search.dsl.families import make_identifier
      >>> make_identifier("v_max"), make_identifier("m_0.99"), make_identifier("m_1e-3")
      ('v_max', 'm_0_99', 'm_1e_3')
    """
    return name.replace(".", "_").replace("-", "_")
