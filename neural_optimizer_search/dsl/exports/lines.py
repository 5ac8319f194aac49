"""The lines `name = expression` before the last line of an equation."""

import builtins
import keyword
from collections.abc import Collection
from dataclasses import dataclass, field

from neural_optimizer_search.dsl.exports.code import Code
from neural_optimizer_search.dsl.precedence import Binding

# Largest total length of an indent, a name and an expression that fit on one line.
LONGEST = 84
# Number of characters that fit after an indent; a comment that does not fit is left out.
_WIDTH = 100


@dataclass
class Lines:
    """Assignments in order, each after those that it reads.

    Attributes:
      taken: Names that no line may assign.
    """

    taken: Collection[str]
    _values: dict[str, Code] = field(default_factory=dict)
    _comments: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: Code, comment: str = "") -> Code:
        """Assigns a value to a name, or to a similar one if that is taken; returns the name as code."""
        free, number = name, 1
        while self._is_taken(free, value):
            number += 1
            free = f"{name}_{number}"
        self._values[free] = value
        if comment:
            self._comments[free] = f"  # {comment}"
        return Code(free, value.ops, Binding.ATOM, value.kind, value.wide, value.reads)

    def number(self, value: Code) -> Code:
        """Assigns a value to a numbered name: x1, x2, ..."""
        number = 1
        while self._is_taken(f"x{number}", value):
            number += 1
        return self.add(f"x{number}", value)

    def _is_taken(self, name, value):
        if name in self._values:
            return self._values[name].text != value.text
        return name in self.taken or keyword.iskeyword(name) or hasattr(builtins, name)

    def text(self, result: Code) -> tuple[str, ...]:
        """All lines and the one that returns the result."""
        values = dict(self._values)
        # If the last line is just the result, it needs no name.
        if values and result.text == list(values)[-1] and result.text not in self._comments:
            result = values.pop(result.text)
        return (*(self._write(name) for name in values), f"return {result.text}")

    def assignments(self) -> tuple[str, ...]:
        """All lines so far."""
        return tuple(map(self._write, self._values))

    def _write(self, name):
        line = f"{name} = {self._values[name].text}"
        comment = self._comments.get(name, "")
        return line + comment if len(line + comment) <= _WIDTH else line
