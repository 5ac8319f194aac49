"""What the files of all frameworks have in common: docstrings, the equation as a function, checks of arguments."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neural_optimizer_search.dsl.exports.equation import Equation

WIDTH = 110
INDENT = " " * 4


@dataclass(frozen=True)
class Export:
    """What a file is written from.

    Attributes:
      name: The name of the optimizer.
      equation: The update direction, in the words of the framework.
      formula, latex: The same for the reader.
    """

    name: str
    equation: Equation
    formula: str
    latex: str

    @property
    def arguments(self) -> dict[str, str]:
        """Constructor argument -> its default, of those that only some rules need."""
        rows = {"T": ("decay_steps", "None"), "seed": ("seed", "0")}
        return dict(row for read, row in rows.items() if read in self.equation.reads)


def only(condition: object, *lines: str) -> Sequence[str]:
    """The lines if the condition is true, else none."""
    return lines if condition else ()


def indent(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The lines further to the right; empty ones stay empty."""
    return [INDENT * levels + line if line else line for line in lines]


def join(*blocks: Iterable[str]) -> str:
    """The text of a file of blocks of lines that stand two empty lines apart."""
    return "\n\n\n".join("\n".join(block) for block in map(list, blocks) if block) + "\n"


def describe(export: Export, rate: str = "learning_rate") -> list[str]:
    """The first lines of a docstring, without indent."""
    return [
        f'r"""w <- w - {rate} * direction, written by Neural Optimizer Search from the formula',
        "",
        *_paragraph(f"direction = {export.formula}"),
        "",
        "In LaTeX:",
        "",
        *_paragraph(export.latex),
    ]


def _paragraph(text):
    return textwrap.wrap(
        text,
        WIDTH - len(INDENT),  # of the class that it may stand in
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def describe_arguments(export: Export) -> list[str]:
    """What a docstring says of `Export.arguments`."""
    said = {
        "decay_steps": "The number of training steps T, an int > 0.",
        "seed": "Seed of the random numbers, a signed 32-bit integer.",
    }
    return [f"  {argument}: {said[argument]}" for argument in export.arguments]


def describe_keras_optimizer(export: Export) -> list[str]:
    """The docstring of a class of Keras, without indent."""
    return [
        *describe(export),
        "",
        "Args:",
        "  learning_rate: A number or a `LearningRateSchedule`.",
        *describe_arguments(export),
        "  **kwargs: What every Keras optimizer takes, such as `weight_decay` or `clipnorm`.",
        '"""',
    ]


def write_direction(export: Export) -> list[str]:
    """The equation as a function."""
    return [
        f"def direction({', '.join(export.equation.arguments)}):",
        *indent(['"""The equation."""', *export.equation.lines]),
    ]


def power(exponent: int) -> str:
    """A power of the gradient."""
    return "g" if exponent == 1 else f"g**{exponent}"


def check_decay_steps(export: Export) -> Sequence[str]:
    """Refuses what is no number of steps."""
    return only(
        "decay_steps" in export.arguments,
        "if not (isinstance(decay_steps, numbers.Integral) and decay_steps > 0):",
        '    raise ValueError(f"Argument `decay_steps` must be an int > 0. Received: {decay_steps!r}.")',
    )


def keep_arguments(export: Export) -> list[str]:
    """Makes attributes of arguments; a whole number of NumPy would not go into a config."""
    return [f"self.{argument} = int({argument})" for argument in export.arguments]


def import_standard(export: Export, **also: bool) -> list[str]:
    """Imports of the standard library, and an empty line if there are any."""
    needed = {"math": "math" in export.equation.reads, "numbers": "decay_steps" in export.arguments, **also}
    lines = [f"import {module}" for module in sorted(needed) if needed[module]]
    return [*lines, ""] if lines else []
