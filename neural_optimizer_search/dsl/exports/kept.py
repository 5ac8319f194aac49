"""How a file keeps arrays from step to step: the rows of `dsl/averages.py`, of pieces of code."""

from collections.abc import Iterable
from dataclasses import dataclass

from neural_optimizer_search.dsl.averages import AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.written_state import WrittenState
from neural_optimizer_search.dsl.families import make_identifier

# A value whose code is longer gets its own line; it stands in a call with two names.
_LONG = 30


@dataclass(frozen=True)
class Kept:
    """An array that is kept.

    Attributes:
      name: In the file.
      lines: Python without indent that computes what `value` reads, and that no array before this one needed.
      value: What it averages, or what it becomes if it is no average.
      beta: Of an average, its β; else "".
      reads: What all of it needs of its file, as `Equation.reads`.
    """

    name: str
    lines: tuple[str, ...]
    value: str
    beta: str
    reads: frozenset[str]


@dataclass(frozen=True)
class Storage:
    """How a framework does it: templates with `$name`, `$value` and `$beta`, each of an expression.

    Attributes:
      read: What is kept, as an array of the equation's dtype; "" where it has been read.
      average: Updates an average, and is its new value.
      replace: Puts a value in the place of what is kept, and is this value.
    """

    read: str
    average: str
    replace: str

    def before(self, kept: Iterable[Kept]) -> list[str]:
        """The lines before the equation: arrays get the gradient in them, except for the gradient before it."""
        read = [row for row in kept if not row.beta and self.read]
        lines = [f"{row.name} = {_fill(self.read, row)}" for row in read]
        for row in kept:
            lines += row.lines
            if row.beta or row.name != PREVIOUS:
                lines.append(f"{row.name} = {_fill(self.average if row.beta else self.replace, row)}")
        return lines

    def after(self, kept: Iterable[Kept]) -> list[str]:
        """The lines after it."""
        return [_fill(self.replace, row) for row in kept if row.name == PREVIOUS]


def _fill(template, row):
    return template.replace("$name", row.name).replace("$value", row.value).replace("$beta", row.beta)


def write_kept(names: Iterable[str], functions: Functions) -> tuple[Kept, ...]:
    """What is kept, in an array library.

    Args:
      names: Rows and members of `AVERAGES`, in the order in which they are updated.
      functions: How the library spells its functions.
    """
    state = WrittenState.of(functions, names)
    return tuple(_write(AVERAGES[name], state) for name in names)


def _write(row, state):
    ops, written = state.ops, len(state.ops.lines.assignments())
    value, beta = row.value(ops, state), ops.read(row.constant or 0.0)
    if row.join is not None:
        value = row.join(ops, state.kept(row.name), value)
    elif row.beta:
        beta = getattr(state.constants, row.beta)
    if len(value.text) > _LONG:
        value = ops.lines.number(value)
    return Kept(
        make_identifier(row.name),
        ops.lines.assignments()[written:],
        value.text,
        "" if row.join is not None else beta.text,
        value.reads | (frozenset() if row.join is not None else beta.reads),
    )
