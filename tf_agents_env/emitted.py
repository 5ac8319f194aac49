"""The rules that a controller has learned from."""

import bisect
import collections
import json
from collections.abc import Sequence

import tensorflow as tf

from neural_optimizer_search.files import Damaged


class Emitted(tf.train.experimental.PythonState):
    """The rules learned from, as part of the checkpoint.

    Attributes:
      counts: Number of times that each key was emitted.
      rewards: The sorted rewards above 0 of all keys.
      has_own: Whether any were the controller's own.
    """

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.rewards: list[float] = []
        self.has_own = False

    def find_new(self, keys: Sequence[str], rewards: Sequence[float]) -> list[float]:
        """The rewards above 0 of the keys that were not emitted before, each once."""
        new = {key: reward for key, reward in zip(keys, rewards) if reward > 0 and key not in self.counts}
        return list(new.values())

    def add(self, keys: Sequence[str], rewards: Sequence[float]) -> None:
        """Adds a batch of keys and their rewards."""
        for reward in self.find_new(keys, rewards):
            bisect.insort(self.rewards, reward)
        self.counts.update(keys)

    def serialize(self) -> str:
        """The state as text, for a checkpoint."""
        return json.dumps([self.counts, self.rewards, self.has_own])

    def deserialize(self, string_value: str) -> None:
        """Restores the state from the text of a checkpoint; raises `Damaged` if `serialize` does not write such."""
        try:
            # Older checkpoints lack `has_own`: searches had no start rules, so all rules were the controller's own.
            counts, rewards, *has_own = json.loads(string_value)
            self.counts, self.rewards = collections.Counter(dict(counts)), list(map(float, rewards))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Damaged(f"other counts of emitted rules than a controller writes: {error!s:.100}") from error
        self.has_own = has_own != [False]
