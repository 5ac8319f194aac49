"""The result of a tuning."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from neural_optimizer_search.trials.setting import Setting


@dataclass(frozen=True)
class Measured:
    """A setting that was trained with fresh seeds, which played no part in any earlier choice.

    Attributes:
      setting: The `Setting`.
      values: The values of the setting, by the names of its `Tunable`s.
      chosen_by: Reward of its trial; optimistically biased, because it is the best of many.
      rewards: Rewards of the trainings with the fresh seeds, one per seed.
      is_own: Whether it is the rule with its original constants, at some rate, with the schedule and the weight decay
        that it was found with; for a rule without a known setting, with the protocol's first schedule and none.
    """

    setting: Setting
    values: Mapping[str, Any]
    chosen_by: float
    rewards: tuple[float, ...]
    is_own: bool

    @property
    def mean(self) -> float:
        """Mean of the rewards."""
        return statistics.fmean(self.rewards)

    @property
    def deviation(self) -> float:
        """Standard deviation of the rewards over the seeds; NaN with one seed."""
        return statistics.stdev(self.rewards) if len(self.rewards) > 1 else math.nan

    @property
    def error(self) -> float:
        """Standard error of the mean; NaN with one seed."""
        return self.deviation / math.sqrt(len(self.rewards))


@dataclass(frozen=True)
class Tuned:
    """A hyperparameter that was tuned, and its result.

    Attributes:
      name: Its name, such as "beta_1".
      importance: Its share in deciding whether a trial is among the best tenth of those that the sampler chose
        freely; None if there are too few of them to tell.
      own: The rule's own value; None for the rate of a rule without a known setting.
      best: Its value in the best setting.
      among_best: The smallest and the largest value among the best tenth of the trials; for the schedule, all values.
    """

    name: str
    importance: Optional[float]
    own: Any
    best: Any
    among_best: tuple[Any, ...]


@dataclass(frozen=True)
class TuningResult:
    """The result of a tuning.

    Attributes:
      best: The `Measured` with the highest mean; it may be `own`. As it was chosen among several by these means, its
        own is optimistic: `nos-tune` says whether it is better than `own` beyond noise.
      own: The rule as it was given, at its best rate: the `Measured` with `is_own` that has the highest mean; None if
        it never trained to its end.
      finalists: All settings that were trained with fresh seeds, the best first.
      tuned: A `Tuned` for each hyperparameter, the most important first.
      trials, pruned: The number of trials, and how many of them ended early.
      steps: Gradient steps of all trainings.
      seeds: The fresh seeds.
    """

    best: Measured
    own: Optional[Measured]
    finalists: tuple[Measured, ...]
    tuned: tuple[Tuned, ...]
    trials: int
    pruned: int
    steps: int
    seeds: tuple[int, ...]
