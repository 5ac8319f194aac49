"""The shape of the learning rate over a run, a warm-up followed by a decay: a factor for each step."""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from neural_optimizer_search.decays import cyclical, linear
from neural_optimizer_search.operations import on_numpy

# f(t, T), from 1 at t = 0. The last is the decay of arXiv v2, section 5.2: ld * cd.
DECAYS: dict[str, Callable[[Any, Any], Any]] = {
    "constant": lambda t, T: on_numpy.ones_like(t),
    "linear": lambda t, T: linear(on_numpy, t, T),
    "cosine": lambda t, T: cyclical(on_numpy, t, T),
    "linear_cosine": lambda t, T: linear(on_numpy, t, T) * cyclical(on_numpy, t, T),
}
WARM_UP = ", warm-up "  # between the decay and the share of the steps in the text of a `Schedule`


@dataclass(frozen=True)
class Schedule:
    """The shape of the learning rate over a run, independent of its length and of the rate.

    In the first W = round(warmup · steps) steps, the rate rises by the factor (t + 1) / W; the decay covers the rest.

    Args:
      decay: "constant", "linear" (1 - t/T, towards 0), "cosine" (half a period of the cosine, towards 0) or
        "linear_cosine" (their product).
      warmup: Share of the steps in which the rate rises, in [0, 1).

    Raises:
      ValueError: If an argument is invalid.

    Example:
      >>> from neural_optimizer_search.schedule_shape import Schedule
      >>> schedule = Schedule("linear", warmup=0.4)
      >>> print(schedule)
      linear, warm-up 0.4
      >>> schedule.factors(5).tolist()
      [0.5, 1.0, 1.0, 0.6666666865348816, 0.3333333432674408]

    Source: the decays are from Bello et al. (2017), arXiv:1709.07417v2, sections 4.1 and 5.2.
    """

    decay: str = "constant"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.decay, str) or self.decay not in DECAYS:
            raise ValueError(f"Argument `decay` must be one of: {', '.join(DECAYS)}. Received: {self.decay!r}.")
        if isinstance(self.warmup, bool) or not isinstance(self.warmup, (int, float)) or not 0 <= self.warmup < 1:
            raise ValueError(f"Argument `warmup` must be a number in [0, 1). Received: {self.warmup!r}.")
        object.__setattr__(self, "warmup", float(self.warmup))

    def __str__(self) -> str:
        return f"{self.decay}{WARM_UP}{self.warmup!r}" if self.warmup else self.decay

    def count_rising(self, steps: int) -> int:
        """W, the number of steps in which the rate rises."""
        return min(round(self.warmup * steps), steps - 1)

    def factors(self, steps: int) -> np.ndarray:
        """The factor of the learning rate in each step of a run.

        Args:
          steps: Number of steps, at least 1.

        Returns:
          float32 `[steps]`; exactly 1 for a constant rate without a warm-up.
        """
        rising = self.count_rising(steps)
        rise = (np.arange(rising) + 1.0) / max(rising, 1)
        decayed = DECAYS[self.decay](np.arange(steps - rising, dtype=np.float64), float(steps - rising))
        return np.concatenate([rise, decayed]).astype(np.float32)


CONSTANT = Schedule()


def parse_schedule(schedule: Union[Schedule, str]) -> Schedule:
    """The `Schedule` for a text such as "cosine" or "cosine, warm-up 0.1"; a `Schedule` is returned unchanged.

    Raises:
      ValueError: If it is neither.
    """
    if isinstance(schedule, Schedule):
        return schedule
    with contextlib.suppress(ValueError, AttributeError):
        decay, comma, warmup = schedule.strip().partition(WARM_UP)
        return Schedule(decay, float(warmup) if comma else 0.0)
    raise ValueError(
        f"Argument `schedule` must be one of: {', '.join(DECAYS)}, each alone or with a share of the steps in [0, 1) "
        f'in which the rate rises, such as "cosine, warm-up 0.1". Received: {schedule!r}.'
    )


def is_weight_decay(value: Any) -> bool:
    """Whether a value can be the decoupled weight decay of a run: a finite number of at least 0."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 <= value < math.inf
