"""Random search: the control that every other algorithm must beat."""

import numpy as np

from neural_optimizer_search.search.proposal import Proposal


class RandomSearch:
    """Proposes rules whose tokens are uniform over the legal ids; proposal k draws from (seed, k) alone.

    Args:
      space: A `SearchSpace`.
      batch_size: Rules a proposal.
      seed: Sets the rules.
      completed: Proposals learned from before, which is all its state.
    """

    def __init__(self, space, batch_size, seed, completed=0):
        self._space, self._batch_size, self._seed = space, batch_size, seed
        self._completed = completed
        self.metrics = {}

    def propose(self, number):
        """The `Proposal` of this number."""
        tokens = self._space.sample(np.random.default_rng([self._seed, number]), self._batch_size)
        return Proposal([self._space.decode(string) for string in tokens])

    def learn(self, proposal, evaluations):
        """Nothing to do: that is what makes it the control."""

    def save(self):
        """Nothing to do: the ledger knows the number of steps."""

    def restore(self):
        return self._completed
