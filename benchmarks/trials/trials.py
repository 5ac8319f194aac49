"""What a comparison of optimizers is made of: a sweep, its trials, and the metric that they are measured by."""

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple, Optional

TUNING_SEED = 0


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The trials of one comparison.

    Args:
      contenders: Who takes part if nobody says otherwise, as `read_contender` reads them.
      learning_rates: The grid.
      refine: Factor; the best rate times and divided by it are tried too. None: they are not.
      seeds: Number of trainings at the chosen rate.
      schedule: The decay of a contender's learning rate that names none.
    """

    contenders: tuple[str, ...]
    learning_rates: tuple[float, ...]
    refine: Optional[float] = None
    seeds: int = 5
    schedule: str = "constant"


class Trial(NamedTuple):
    """One training. `options` are pairs of what is tuned beside the learning rate, such as ("epsilon", 1e-3)."""

    contender: str
    learning_rate: float
    options: tuple[tuple[str, float], ...]
    seed: int

    @property
    def tests(self) -> bool:
        """Whether it is measured on the test data: tuning is not."""
        return self.seed != TUNING_SEED


class Metric(NamedTuple):
    """What a comparison measures.

    Attributes:
      name: What it is called in tables.
      larger_is_better: Or smaller.
      format: Format of a number in a table.
    """

    name: str
    larger_is_better: bool
    format: str = ".4f"

    def best(self, values: Iterable[float]) -> float:
        """The best of the values; of none, the worst there is."""
        worst = -math.inf if self.larger_is_better else math.inf
        return (max if self.larger_is_better else min)(values, default=worst)

    def is_reached(self, value: float, target: float) -> bool:
        """Whether a value is as good as the target."""
        return value >= target if self.larger_is_better else value <= target
