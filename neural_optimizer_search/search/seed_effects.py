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

    Attributes:
      seeds: As given.
    """

    def __init__(self, seeds: int):
        self.seeds = seeds
        self._seen = np.zeros((0, seeds))
        self._effects = [0.0] * seeds

    def add(self, rewards: Sequence[float]) -> None:
        """Adds the rewards of one setting; those that lack a seed tell nothing."""
        if len(rewards) < self.seeds:
            return
        self._seen = np.vstack([self._seen, np.subtract(rewards, np.mean(rewards))])
        median = np.median(self._seen, axis=0)
        self._effects = (median - median.mean()).tolist()

    def correct(self, rewards: Sequence[float]) -> float:
        """The mean of rewards with the first seeds, as it would be over all seeds."""
        # Without NumPy, because each new trial compares hundreds of others again.
        return sum(reward - effect for reward, effect in zip(rewards, self._effects)) / len(rewards)

    def find_needed(self, reward: float) -> list[float]:
        """The means over the first 1, 2, ... seeds, all but the last, that correspond to a mean over all seeds."""
        return [reward + sum(self._effects[:count]) / count for count in range(1, self.seeds)]
