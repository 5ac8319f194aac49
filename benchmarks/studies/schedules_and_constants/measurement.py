"""Measures settings: sweeps their rates, then trains them with fresh seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.studies.common.trainings import FRESH_SEED, Train, Trained, Training
from benchmarks.studies.schedules_and_constants.settings import Setting
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.tasks.protocol import OF_LOSS, make_reward

RATES = tuple(10.0 ** (i / 2) for i in range(-9, 5))
NEAR = tuple(10.0 ** (i / 2) for i in range(-2, 3))  # factors of the best constant rate of a rule
FIRST_SEED, OTHER_SEEDS, FINALISTS = 0, (1, 2), 2


class Measured(NamedTuple):
    """The result of a setting.

    Attributes:
      rate: The chosen learning rate.
      loss: The mean loss by which it was chosen.
      fresh: The trainings with fresh seeds.
      rewards: The reward `OF_LOSS` of the mean loss at the end of each of them; 0 if it diverged.
    """

    rate: float
    loss: float
    fresh: list[Trained]
    rewards: list[float]


class Measurement:
    """Sweeps and measures settings, all trainings of a stage at once.

    Args:
      config: The flags.
      train: The callable that trains, from `trainings`.
    """

    def __init__(self, config: Any, train: Train):
        self._config, self._train = config, train
        self._reward = make_reward(OF_LOSS, math.log(TASKS[config.task].classes))

    def sweep(self, rates: Mapping[Setting, Sequence[float]]) -> dict[Setting, tuple[float, float]]:
        """Setting -> (its best rate, that rate's mean loss)."""
        first = self._losses([(setting, rate) for setting in rates for rate in rates[setting]], (FIRST_SEED,))
        finalists = {s: sorted(rates[s], key=lambda rate, s=s: first[s, rate])[:FINALISTS] for s in rates}
        pairs = [(setting, rate) for setting in finalists for rate in finalists[setting]]
        losses = self._losses(pairs, (FIRST_SEED, *OTHER_SEEDS))
        best = {s: min(finalists[s], key=lambda rate, s=s: losses[s, rate]) for s in finalists}
        return {setting: (rate, losses[setting, rate]) for setting, rate in best.items()}

    def measure(self, settings: Sequence[Setting], best: Mapping[str, float]) -> dict[Setting, Measured]:
        """The result of each setting, at a rate near the best constant rate of its rule."""
        chosen = self.sweep({one: [best[one.name] * factor for factor in NEAR] for one in settings})
        pairs = [(setting, rate) for setting, (rate, _) in chosen.items()]
        trained = self._train_all(pairs, range(FRESH_SEED, FRESH_SEED + self._config.fresh_seeds))
        return {setting: self._judge(*chosen[setting], trained[setting, rate]) for setting, rate in pairs}

    def _judge(self, rate, loss, fresh):
        rewards = [0.0 if one.loss is None else self._reward([], [one.loss]) for one in fresh]
        return Measured(rate, loss, fresh, rewards)

    def _losses(self, pairs, seeds):
        return {
            pair: statistics.fmean(math.inf if one.loss is None else one.loss for one in several)
            for pair, several in self._train_all(pairs, seeds).items()
        }

    def _train_all(self, pairs, seeds):
        c = self._config
        wanted = [
            Training(c.task, setting.formula, rate, seed, setting.schedule, protocol=c.protocol)
            for setting, rate in pairs
            for seed in seeds
        ]
        trained = self._train(wanted)
        return {pair: trained[i * len(seeds) : (i + 1) * len(seeds)] for i, pair in enumerate(pairs)}
