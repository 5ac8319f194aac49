"""Exhaustive search: every string of a space, in order."""

import numpy as np


class Exhaustive:
    """Proposes every legal string once, in the order of its tokens; then nothing.

    Args:
      space: A `SearchSpace`; one whose strings can be counted to their end.
      batch_size: Strings a step.
      completed: Steps done before, which is all its state.
    """

    def __init__(self, space, batch_size, completed=0):
        self._space, self._batch_size, self._completed = space, batch_size, completed
        self._strings_in_all = int(np.prod(space.sizes))
        self.metrics = {}

    def step(self, score):
        """Proposes the next strings and returns their evaluations; none after the last."""
        evaluations = []
        while not evaluations and self._first < self._strings_in_all:
            evaluations = score([self._space.decode(string) for string in self._strings()])
            self._completed += 1
        self.metrics = {"share_proposed": min(1.0, self._first / self._strings_in_all)}
        return evaluations

    @property
    def _first(self):
        return self._completed * self._batch_size

    def _strings(self):
        last = min(self._first + self._batch_size, self._strings_in_all)
        tokens = np.stack(np.unravel_index(np.arange(self._first, last), self._space.sizes), axis=1)
        legal = np.ones(len(tokens), bool)
        for position in range(self._space.length):
            # What follows an illegal prefix does not matter.
            allowed = self._space.legal_tokens(tokens[:, :position])
            legal &= allowed[np.arange(len(tokens)), tokens[:, position]]
        return tokens[legal]

    def save(self):
        """Nothing to do: the ledger knows the number of steps."""

    def restore(self):
        return self._completed
