"""The parts of a comparison of optimizers: a sweep, its trials, and their metric."""

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

TUNING_SEED = 0


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The trials of one comparison.

    Args:
      contenders: The default contenders, as text for `read_contender`.
      learning_rates: The grid of learning rates.
      refine: Factors by which the best rate so far is divided and multiplied, one factor after another; each gives
        two more rates to try.
      seeds: Number of trainings at the chosen rate.
      schedule: Learning-rate decay of contenders that name none.
    """

    contenders: tuple[str, ...]
    learning_rates: tuple[float, ...]
    refine: tuple[float, ...] = ()
    seeds: int = 5
    schedule: str = "constant"


class Trial(NamedTuple):
    """One training. `options` are the other tuned hyperparameters, as pairs such as ("epsilon", 1e-3)."""

    contender: str
    learning_rate: float
    options: tuple[tuple[str, float], ...]
    seed: int

    @property
    def noise_seed(self) -> int:
        """Seed of what is random in the optimizer: with seed 0, the noisy schedule begins with a negative rate."""
        return 1 + self.seed

    @property
    def tests(self) -> bool:
        """Whether the trial is measured on the test data; tuning trials are not."""
        return self.seed != TUNING_SEED


class Metric(NamedTuple):
    """The metric of a comparison.

    Attributes:
      name: Its name in tables.
      larger_is_better: Whether larger values are better.
      format: Format of its values in tables.
    """

    name: str
    larger_is_better: bool
    format: str = ".4f"

    def best(self, values: Iterable[float]) -> float:
        """The best of the values; the worst possible value if there are none."""
        worst = -math.inf if self.larger_is_better else math.inf
        return (max if self.larger_is_better else min)(values, default=worst)

    def is_reached(self, value: float, target: float) -> bool:
        """Whether a value is at least as good as the target."""
        return value >= target if self.larger_is_better else value <= target
