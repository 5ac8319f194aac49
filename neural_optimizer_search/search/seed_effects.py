"""How the seeds of a protocol differ, so that rewards with different seeds can be compared."""

from collections.abc import Sequence

import numpy as np


class SeedEffects:
    """How much higher the rewards with each seed are than the mean over all seeds.

    They are estimated from settings that were trained whatever their reward with any seed: of others, those with a
    high reward by chance would make the first seed look kind. The estimate is a median, because the rewards of bad
    settings vary much more.

    Args:
      seeds: Number of seeds.
    """

    def __init__(self, seeds: int):
        self._effects = np.zeros((0, seeds))

    def add(self, rewards: Sequence[float]) -> None:
        """Adds the rewards of one setting; those that lack a seed tell nothing."""
        if len(rewards) == self._effects.shape[1]:
            self._effects = np.vstack([self._effects, np.subtract(rewards, np.mean(rewards))])

    @property
    def _typical(self):
        if not len(self._effects):
            return np.zeros(self._effects.shape[1])
        median = np.median(self._effects, axis=0)
        return median - median.mean()

    def correct(self, rewards: Sequence[float]) -> float:
        """The mean of rewards with the first seeds, as it would be over all seeds."""
        return float(np.mean(np.subtract(rewards, self._typical[: len(rewards)])))

    def find_needed(self, reward: float) -> list[float]:
        """The means over the first 1, 2, ... seeds, all but the last, that correspond to a mean over all seeds."""
        counts = np.arange(1, len(self._typical))
        return (reward + np.cumsum(self._typical)[:-1] / counts).tolist()
