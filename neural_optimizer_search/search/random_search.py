"""Random search: the control that every other algorithm must beat."""

import numpy as np


class RandomSearch:
    """Proposes rules whose tokens are uniform over the legal ids; step k draws from (seed, k) alone.

    Args:
      space: A `SearchSpace`.
      batch_size: Rules a step.
      seed: Sets the rules.
      completed: Steps done before, which is all its state.
    """

    def __init__(self, space, batch_size, seed, completed=0):
        self._space, self._batch_size, self._seed = space, batch_size, seed
        self._completed = completed
        self.metrics = {}

    def step(self, score):
        """Proposes a batch and returns its evaluations."""
        rng = np.random.default_rng([self._seed, self._completed])
        tokens = self._space.sample(rng, self._batch_size)
        evaluations = score([self._space.decode(string) for string in tokens])
        self._completed += 1
        return evaluations

    def save(self):
        """Nothing to do: the ledger knows the number of steps."""

    def restore(self):
        return self._completed
