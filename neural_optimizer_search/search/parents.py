"""The best settings of a search for settings, and what a trial must reach to be trained on."""

import collections
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.joint import mean_score
from neural_optimizer_search.search.settings_config import SettingsConfig


class Individual(NamedTuple):
    """A setting to try.

    Attributes:
      form: A rule; the values replace its constants.
      string: Its tokens in the space; None if the space does not have it.
      values: The values of its tunables, by name.
      known: The key of the known optimizer that the form is; "" if it is none.
      centred: Whether rate and weight decay are for updates whose root mean square is 1, as for parents.
    """

    form: Rule
    string: Optional[tuple[int, ...]]
    values: Mapping[str, Any]
    known: str = ""
    centred: bool = True


class Tried(NamedTuple):
    """An `Individual`, and its rewards: one per seed, and their mean."""

    individual: Individual
    rewards: tuple[float, ...]
    reward: float


class Parents:
    """The best settings, which have children; known optimizers and other forms have separate ones.

    Args:
      config: A `SettingsConfig`.
      count: Maximum number of parents.
      tasks: Number of tasks.
      seeds: Number of seeds of a task.

    Attributes:
      best: The parents, best first.
    """

    def __init__(self, config: SettingsConfig, count: int, tasks: int, seeds: int):
        self._config, self._count, self._is_joint, self._seeds = config, count, tasks > 1, seeds
        self.best: list[Tried] = []
        # The rewards of the last trials at each look: a third of the way, or after each task but the last.
        self._looks = [collections.deque[float](maxlen=config.memory) for _ in range(max(1, tasks - 1))]

    def see(self, evaluation: Evaluation) -> None:
        """Takes note of the rewards of a trial at its looks."""
        for last, worth in zip(self._looks, _find_looks(evaluation)):
            last.append(worth)

    def add(self, parent: Tried) -> None:
        """Adds a setting if it is among the best, and among the best `per_form` of its form."""
        ranked, forms = sorted([*self.best, parent], key=lambda one: -one.reward), collections.Counter()
        self.best = []
        for one in ranked:
            forms[one.individual.form] += 1
            if forms[one.individual.form] <= self._config.per_form and len(self.best) < self._count:
                self.best.append(one)

    def find_least(self) -> tuple[float, ...]:
        """The rewards that a trial needs to continue: a quantile at each look, and then that of the middle parent.

        A seed affects all rewards alike, so the required reward after the first seeds is higher or lower by as much.
        """
        c = self._config
        seen = [last if len(last) >= c.enough else [0.0] for last in self._looks]
        least = [float(np.quantile(last, c.early_share)) for last in seen]
        if self._is_joint:
            return tuple(least)
        if len(self.best) < self._count:
            return *least, *[0.0] * (self._seeds - 1)
        effects = np.mean([np.subtract(one.rewards, one.reward) for one in self.best], axis=0)
        means = np.cumsum(effects)[:-1] / np.arange(1, len(effects))
        return *least, *(self.best[len(self.best) // 2].reward + means).tolist()


def _find_looks(evaluation):
    """The reward of a trial at each of its looks."""
    if not evaluation.parts:
        return [evaluation.sweep_reward]
    return [mean_score(evaluation.parts[:count]) for count in range(1, len(evaluation.parts) + 1)]
