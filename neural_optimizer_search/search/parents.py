"""The best settings of a search for settings, and what a trial must reach to be trained on."""

import collections
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.joint import mean_score
from neural_optimizer_search.search.seed_effects import SeedEffects
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
    """An `Individual` whose trial reached its end, and its rewards, one for each seed that it was trained with."""

    individual: Individual
    rewards: tuple[float, ...]


class Parents:
    """The best trials, which have children; known optimizers and other forms have separate ones.

    Args:
      config: A `SettingsConfig`.
      count: The least number of parents, once there are as many trials; see `SettingsConfig.parents`.
      tasks: Number of tasks; 0 or 1 for a search on a single one.
      effects: The `SeedEffects`, by which trials with different numbers of seeds are compared.

    Attributes:
      best: The parents, best first.
    """

    def __init__(self, config: SettingsConfig, count: int, tasks: int, effects: SeedEffects):
        self._config, self._count, self._is_joint, self._effects = config, count, tasks > 1, effects
        self.best: list[Tried] = []
        self._tried: list[Tried] = []  # all that reached their end, best first
        self._trials: collections.Counter[Rule] = collections.Counter()  # of each form
        # The rewards of the last trials at each look: a third of the way, or after each task but the last.
        self._looks = [collections.deque[float](maxlen=config.memory) for _ in range(max(1, tasks - 1))]

    def see(self, form: Rule, evaluation: Evaluation) -> None:
        """Takes note of a trial of a form, and of its rewards at its looks."""
        self._trials[form] += 1
        for last, worth in zip(self._looks, _find_looks(evaluation)):
            last.append(worth)

    def add(self, tried: Tried) -> None:
        """Adds a trial that reached its end; it becomes a parent if it is among the best."""
        self._tried.append(tried)
        self._tried.sort(key=lambda one: -self._effects.correct(one.rewards))
        share = math.ceil(self._config.parent_share * sum(self._trials.values()))
        self.best = self._tried[: min(max(self._count, share), max(self._count, self._config.most_parents))]

    def choose(self, rng: np.random.Generator, in_space: bool = False) -> Optional[Individual]:
        """Draws a parent: first a form, by the share of its trials that are parents, and then one of these.

        Args:
          rng: Generator of the draw.
          in_space: Whether only forms that the space has count; then, their best trials take the parents' place.

        Returns:
          The parent; None if there is none.

        Thompson sampling: the form with the highest draw from Beta(1 + its parents, 1 + its other trials). So a form
        that was tried seldom still has a chance, and one with many parents because of many trials has no advantage.

        Source: Chapelle and Li (2011), "An Empirical Evaluation of Thompson Sampling", Algorithm 2.
        """
        best = self.best
        if in_space:
            best = [one for one in self._tried if one.individual.string is not None][: len(best)]
        if not best:
            return None
        parents = collections.Counter(one.individual.form for one in best)
        # A known optimizer's measurement before the search may be a parent, and is no trial.
        others = {form: max(0, self._trials[form] - count) for form, count in parents.items()}
        drawn = {form: rng.beta(1 + count, 1 + others[form]) for form, count in parents.items()}
        chosen = max(drawn, key=lambda form: drawn[form])
        own = [one.individual for one in best if one.individual.form == chosen]
        chances = np.arange(len(own), 0, -1.0)
        return own[rng.choice(len(own), p=chances / chances.sum())]

    def find_least(self) -> tuple[float, ...]:
        """The rewards that a trial needs to continue.

        A quantile at each look. On a single task, then the means over the first 1, 2, ... seeds that correspond to
        the reward of the middle one of the best settings that were trained with every seed.
        """
        c = self._config
        seen = [last if len(last) >= c.enough else [0.0] for last in self._looks]
        least = [float(np.quantile(last, c.early_share)) for last in seen]
        if self._is_joint:
            return tuple(least)
        seeds = self._effects.seeds
        whole = [one for one in self._tried if len(one.rewards) == seeds][: self._count]
        if len(whole) < self._count:
            return *least, *[0.0] * (seeds - 1)
        return *least, *self._effects.find_needed(self._effects.correct(whole[len(whole) // 2].rewards))


def reached_end(evaluation: Evaluation) -> bool:
    """Whether the training with the first seed reached its end; on several tasks, whether a rule was trained on all.

    A training that ended early only has its reward up to that point, in `sweep_reward`.
    """
    if evaluation.parts:
        return evaluation.status == "ok"
    return evaluation.status in ("ok", "stopped") and len(evaluation.rewards) > 0


def _find_looks(evaluation):
    """The reward of a trial at each of its looks."""
    if not evaluation.parts:
        return [evaluation.sweep_reward]
    return [mean_score(evaluation.parts[:count]) for count in range(1, len(evaluation.parts) + 1)]
