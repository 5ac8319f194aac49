"""The constants that all words of a rule share (arXiv v2, section 4.2)."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from neural_optimizer_search.dsl.families import FROM_0_TO_1, POSITIVE
from neural_optimizer_search.dsl.numbers import write_latex, write_number


@dataclass(frozen=True)
class Constants:
    """Decay rates of the running averages, and the δ that keeps divisors away from 0. The defaults are the paper's.

    Args:
      beta_1: Decay rate of the average of g, in [0, 1).
      beta_2: Decay rate of the average of g^2, in [0, 1).
      beta_3: Decay rate of the average of g^3, in [0, 1).
      epsilon: δ, which is added to divisors; a number > 0.

    Raises:
      ValueError: If a number is out of range.

    Example:
      >>> from neural_optimizer_search.dsl.constants import Constants
      >>> Constants(beta_1=0.8).changes()
      {'beta_1': 0.8}
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    beta_3: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            number = math.nan
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                with contextlib.suppress(OverflowError):  # JSON has whole numbers of any length
                    number = float(value)
            if not RANGES[name].has(number):
                raise ValueError(f"Argument `{name}` must be {RANGES[name].text}. Received: {value!r:.100}.")
            object.__setattr__(self, name, number)

    def changes(self) -> dict[str, float]:
        """The constants that differ from the paper's, by name."""
        return {name: value for name, value in vars(self).items() if value != getattr(PAPER, name)}

    def text(self) -> str:
        """What follows a formula, such as ", beta_1=0.8"; "" if all are the paper's."""
        return "".join(f", {name}={write_number(value)}" for name, value in self.changes().items())

    def latex(self) -> str:
        r"""The same in LaTeX, such as `, \; \beta_{1} = 0.8`."""
        return "".join(rf", \; {_LATEX[name]} = {write_latex(value)}" for name, value in self.changes().items())

    @classmethod
    def from_changes(cls, changes: Mapping[str, Any]) -> "Constants":
        """Undoes `changes`; raises a ValueError if that is impossible."""
        if unknown := set(changes) - set(NAMES):
            raise ValueError(
                f"A rule has the constants {', '.join(NAMES)}. Received: {', '.join(sorted(map(str, unknown)))}."
            )
        return cls(**changes)


_LATEX = {"epsilon": r"\delta", **{f"beta_{i}": rf"\beta_{{{i}}}" for i in (1, 2, 3)}}
NAMES = tuple(field.name for field in dataclasses.fields(Constants))
# Name -> its allowed values.
RANGES = {name: POSITIVE if name == "epsilon" else FROM_0_TO_1 for name in NAMES}
PAPER = Constants()


class Beta(NamedTuple):
    """A decay rate β in the form that an average needs.

    Attributes:
      complement: 1 - β.
      log: log β.
    """

    complement: Any
    log: Any

    @classmethod
    def of(cls, beta: Any, log: Any = math.log) -> "Beta":
        """Creates a `Beta` from a number, or from an object that stands for one; `log` computes its logarithm."""
        # 0 has no logarithm; β^(t+1) is then 0 as well.
        return cls(1.0 - beta, -math.inf if isinstance(beta, float) and beta == 0.0 else log(beta))
