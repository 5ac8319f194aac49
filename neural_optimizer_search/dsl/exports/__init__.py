"""A rule as a Python file that needs one framework, but not this package.

The words' own functions (`dsl/vocabulary.py`) write the equation: they compute with arrays that are pieces of code.
"""

import importlib
import numbers
from typing import NamedTuple, Protocol, cast

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.exports.equation import write_equation
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.names import check_name
from neural_optimizer_search.dsl.exports.text import Export
from neural_optimizer_search.dsl.families import ANY_NUMBER
from neural_optimizer_search.schedule_shape import CONSTANT, parse_schedule


class FrameworkWords(NamedTuple):
    """What people read about a framework.

    Attributes:
      title: Its name.
      what: The content of its file.
    """

    title: str
    what: str


FRAMEWORKS = {
    "keras": FrameworkWords("Keras", "a Keras 3 optimizer for every backend"),
    "tensorflow": FrameworkWords("TensorFlow", "a Keras optimizer for TensorFlow, with Keras 2 or 3"),
    "optax": FrameworkWords("optax", "an optax transformation for JAX"),
    "torch": FrameworkWords("PyTorch", "an optimizer for PyTorch"),
}


class Framework(Protocol):
    """The interface of a framework's module.

    Attributes:
      FUNCTIONS: How its functions are spelled.
    """

    FUNCTIONS: Functions

    def write(self, export: Export) -> str:
        """The text of the file."""
        ...


def write_source(
    name: str,
    expression: ex.Expression,
    formula: str,
    latex: str,
    framework: str,
    constants: Constants,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
) -> str:
    """Writes the text of a Python file with an optimizer.

    Args:
      name: The name of the optimizer.
      expression: The update direction, in words marked by `mark_place`.
      formula, latex: The same for human readers.
      framework: A key of `FRAMEWORKS`.
      constants: Default values of the file's constants.
      learning_rate: Default value of the file's learning rate.
      schedule, weight_decay: What else the rule was found with: text for `parse_schedule`, and a number. The file has
        the schedule as code of its own, and says how to use both; "" or "constant", and 0, for none.

    Raises:
      ValueError: If the framework or the schedule is unknown, the name cannot be used, or a number is out of range.
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f"Argument `framework` must be one of {', '.join(FRAMEWORKS)}. Received: {framework!r}.")
    check_name(name)
    for argument, value in (("learning_rate", learning_rate), ("weight_decay", weight_decay)):
        if not (isinstance(value, numbers.Real) and ANY_NUMBER.has(float(value))):
            raise ValueError(f"Argument `{argument}` must be {ANY_NUMBER.text}. Received: {value!r}.")
    file = cast(Framework, importlib.import_module(f"{__name__}.{framework}_file"))
    equation = write_equation(expression, file.FUNCTIONS)
    return file.write(
        Export(
            name,
            equation,
            formula,
            latex,
            constants,
            float(learning_rate),
            parse_schedule(schedule or CONSTANT),
            float(weight_decay),
        )
    )
