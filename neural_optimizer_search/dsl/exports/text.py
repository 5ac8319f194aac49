"""The common parts of the files of all frameworks: docstrings, the equation as a function, checks of arguments."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.exports.code import spell_number
from neural_optimizer_search.dsl.exports.equation import Equation
from neural_optimizer_search.dsl.exports.layout import INDENT, WIDTH, wrap
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule


@dataclass(frozen=True)
class Export:
    """The input from which a file is written.

    Attributes:
      name: The name of the optimizer.
      equation: The update direction, in the words of the framework.
      formula, latex: The same for human readers.
      constants: The rule's constants.
      learning_rate: The default of the argument.
      schedule, weight_decay: What the rule was found with, which is not used by default; constant and 0 for none.
    """

    name: str
    equation: Equation
    formula: str
    latex: str
    constants: Constants
    learning_rate: float
    schedule: Schedule
    weight_decay: float

    @property
    def has_schedule(self) -> bool:
        """Whether the file has a schedule."""
        return self.schedule != CONSTANT

    @property
    def rate(self) -> str:
        """The default learning rate as code."""
        return spell_number(self.learning_rate)

    @property
    def arguments(self) -> dict[str, str]:
        """Constructor argument -> its default, for the arguments that only some rules need."""
        rows = {"T": ("decay_steps", "None"), "seed": ("seed", "0")}
        constants = {name: spell_number(getattr(self.constants, name)) for name in self.equation.constants}
        return {**dict(row for read, row in rows.items() if read in self.equation.needs), **constants}


def only(condition: object, *lines: str) -> Sequence[str]:
    """The lines if the condition is true, else none."""
    return lines if condition else ()


def indent(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The indented lines; empty ones stay empty."""
    return [INDENT * levels + line if line else line for line in lines]


def join(*blocks: Iterable[str]) -> str:
    """The text of a file, with two empty lines between its blocks of lines."""
    wrapped = ([part for line in block for part in wrap(line)] for block in blocks)
    return "\n\n\n".join("\n".join(block) for block in wrapped if block) + "\n"


def describe(export: Export, use: Sequence[str], rate: str = "learning_rate") -> list[str]:
    """The first lines of a docstring, without indent.

    Args:
      export: The input from which the file is written.
      use: Lines of code that use the optimizer with the setting that the rule was found with.
      rate: The name of the learning rate.
    """
    return [
        f'r"""w <- w - {rate} * direction, written by Neural Optimizer Search from the formula',
        "",
        *_paragraph(f"direction = {export.formula}"),
        "",
        "In LaTeX:",
        "",
        *_paragraph(export.latex),
        *_describe_setting(export, use),
    ]


def _describe_setting(export, use):
    found_with = [
        *only(export.has_schedule, f'the learning-rate schedule "{export.schedule}"'),
        *only(export.weight_decay, f"the decoupled weight decay {write_number(export.weight_decay)}"),
    ]
    if not found_with:
        return []
    goal = "To train for T updates with" if export.has_schedule or "decay_steps" in export.arguments else "To use"
    them, are = ("them", "are") if len(found_with) > 1 else ("it", "is")
    said = f"Found with {' and '.join(found_with)}, which {are} not used by default. {goal} {them}:"
    return ["", *_paragraph(said, indent=""), "", *indent(use)]


def _paragraph(text, indent=INDENT):
    return textwrap.wrap(
        text,
        WIDTH - len(INDENT),  # room for the indent of the class that it may be in
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def describe_arguments(export: Export) -> list[str]:
    """The docstring's lines on `Export.arguments`."""
    said = {
        "decay_steps": "The number of training steps T, an int > 0.",
        "seed": "Seed of the random numbers, a signed 32-bit integer.",
        **{name: f"The rule's β{name[-1]}, a decay rate in [0, 1)." for name in ("beta_1", "beta_2", "beta_3")},
        "epsilon": "The rule's δ, a number above 0 that is added to divisors.",
    }
    return [f"  {argument}: {said[argument]}" for argument in export.arguments]


def describe_keras_optimizer(export: Export) -> list[str]:
    """The docstring of a Keras class, without indent."""
    arguments = [
        *only(export.has_schedule, f"{export.name}Schedule(T)"),
        *only("decay_steps" in export.arguments, "decay_steps=T"),
        *write_weight_decay(export),
    ]
    return [
        *describe(export, [f"optimizer = {export.name}({', '.join(arguments)})"]),
        "",
        "Args:",
        "  learning_rate: A number or a `LearningRateSchedule`.",
        *describe_arguments(export),
        "  **kwargs: What every Keras optimizer takes, such as `weight_decay` or `clipnorm`.",
        '"""',
    ]


def write_weight_decay(export: Export) -> Sequence[str]:
    """The argument that sets the weight decay that the rule was found with, if there is one."""
    return only(export.weight_decay, f"weight_decay={spell_number(export.weight_decay)}")


def write_direction(export: Export) -> list[str]:
    """The equation as a function."""
    return [
        f"def direction({', '.join(export.equation.arguments)}):",
        *indent(['"""The equation."""', *export.equation.lines]),
    ]


def check_arguments(export: Export, allow: str = "") -> list[str]:
    """Writes checks of the number of steps and of the ranges of constants.

    Args:
      export: The input from which the file is written.
      allow: A condition on `$x` under which an argument may be anything.
    """
    return [line for name in export.arguments if name != "seed" for line in _check(name, allow)]


def _check(name, allow):
    condition, allowed = {
        "decay_steps": ("(isinstance(decay_steps, numbers.Integral) and decay_steps > 0)", "an int > 0"),
        "epsilon": ("epsilon > 0.0", "a number above 0"),
    }.get(name, (f"0.0 <= {name} < 1.0", "a number from 0 to below 1"))
    if allow:
        condition = f"({allow.replace('$x', name)} or {condition})"
    test = [f"if not {condition}:"]
    if len(INDENT + test[0]) > WIDTH:
        test = ["if not (", INDENT + condition[1:-1], "):"]
    return [
        *test,
        f'    raise ValueError(f"Argument `{name}` must be {allowed}. Received: {{{name}!r}}.")',
    ]


def convert_arguments(export: Export) -> dict[str, str]:
    """Argument -> code that makes it a Python number, because a NumPy number cannot go into a config."""
    return {name: f"{'int' if name in ('decay_steps', 'seed') else 'float'}({name})" for name in export.arguments}


def keep_arguments(export: Export) -> list[str]:
    """Writes lines that store arguments as attributes."""
    return [f"self.{name} = {number}" for name, number in convert_arguments(export).items()]


def read_constants(export: Export, place: str) -> Sequence[str]:
    """A line that gives the constants their names in the equation; in `place`, `$x` stands for a constant's name."""
    names = export.equation.constants
    return only(names, f"{', '.join(names)} = {', '.join(place.replace('$x', name) for name in names)}")


def import_standard(export: Export, **also: bool) -> list[str]:
    """Imports from the standard library, and an empty line if there are any."""
    math = {"math", "_log", "_orthogonalize"} & export.equation.needs or "cosine" in export.schedule.decay
    needed = {"math": math, "numbers": "decay_steps" in export.arguments or export.has_schedule, **also}
    lines = [f"import {module}" for module in sorted(needed) if needed[module]]
    return [*lines, ""] if lines else []
