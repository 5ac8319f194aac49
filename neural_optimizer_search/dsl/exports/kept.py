"""How a file keeps arrays from step to step: the rows of `dsl/averages.py`, computed with pieces of code."""

from collections.abc import Iterable
from dataclasses import dataclass

from neural_optimizer_search.dsl.averages import AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.written_state import WrittenState
from neural_optimizer_search.dsl.families import make_identifier

# A value whose code is longer gets its own line; the code appears in a call with two names.
_LONG = 30


@dataclass(frozen=True)
class Kept:
    """An array that is kept.

    Attributes:
      name: Its name in the file.
      lines: Python lines without indent that compute what `value` reads, except those that an earlier array needed.
      value: The value that it averages; for an array that is not an average, its new value.
      beta: The β of an average; else "".
      reads: What all of this needs from its file, as in `Equation.reads`.
    """

    name: str
    lines: tuple[str, ...]
    value: str
    beta: str
    reads: frozenset[str]


@dataclass(frozen=True)
class Storage:
    """How a framework stores arrays: templates of expressions with `$name`, `$value` and `$beta`.

    Attributes:
      read: Reads the stored array, in the equation's dtype; "" if it has already been read.
      average: Updates an average and evaluates to its new value.
      replace: Replaces the stored array with a value and evaluates to this value.
    """

    read: str
    average: str
    replace: str

    def before(self, kept: Iterable[Kept]) -> list[str]:
        """The lines before the equation, which update all arrays with the gradient, except for "previous"."""
        read = [row for row in kept if not row.beta and self.read]
        lines = [f"{row.name} = {_fill(self.read, row)}" for row in read]
        for row in kept:
            lines += row.lines
            if row.beta or row.name != PREVIOUS:
                lines.append(f"{row.name} = {_fill(self.average if row.beta else self.replace, row)}")
        return lines

    def after(self, kept: Iterable[Kept]) -> list[str]:
        """The lines after the equation."""
        return [_fill(self.replace, row) for row in kept if row.name == PREVIOUS]


def _fill(template, row):
    return template.replace("$name", row.name).replace("$value", row.value).replace("$beta", row.beta)


def write_kept(names: Iterable[str], functions: Functions) -> tuple[Kept, ...]:
    """Writes the kept arrays for an array library.

    Args:
      names: Rows and members of `AVERAGES`, in the order in which they are updated.
      functions: How the library spells its functions.
    """
    state = WrittenState.of(functions, names)
    return tuple(_write(AVERAGES[name], state) for name in names)


def _write(row, state):
    ops, written = state.ops, len(state.ops.lines.assignments())
    value, beta = row.value(ops, state), None
    if row.join is not None:
        value = row.join(ops, state.kept(row.name), value)
    else:
        beta = state.beta_of(row.name)
    if len(value.text) > _LONG:
        value = ops.lines.number(value)
    return Kept(
        make_identifier(row.name),
        ops.lines.assignments()[written:],
        value.text,
        beta.text if beta else "",
        value.reads | (beta.complement.reads if beta else frozenset()),
    )
