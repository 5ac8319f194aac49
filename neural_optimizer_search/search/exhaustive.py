"""Exhaustive search: every string of a space, in order."""

import math
from collections.abc import Sequence
from typing import Optional

import numpy as np

from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.registry import AlgorithmEntry

# Strings per proposal, of which the few legal ones are its rules. This must not change: a proposal's strings follow
# from its number, and the number of rules among them is unknown beforehand.
BATCH = 1000
# NumPy finds the tokens of a string from its number, which has 64 bits.
MOST_STRINGS = 2**63 - 1


class Exhaustive(Algorithm):
    """Proposes every legal string once, in the order of its tokens.

    Args:
      space: A `Space`; one small enough to enumerate.
      completed: Number of proposals learned from before, which is its whole state.
    """

    def __init__(self, space: Space, completed: int = 0):
        self._space, self._completed = space, completed
        self._strings_in_all = math.prod(space.sizes)
        self.share = 0.0

    def propose(self, number: int) -> Optional[Proposal]:
        """The `Proposal` with this number; None after the last string."""
        first = number * BATCH
        if first >= self._strings_in_all:
            return None
        last = min(first + BATCH, self._strings_in_all)
        return Proposal([self._space.decode(string) for string in self._find_legal(first, last)], last)

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Updates the share of the strings proposed so far."""
        if proposal.drawn is not None:
            share = proposal.drawn / self._strings_in_all
            self.share, self.metrics = share, {"share_proposed": share}

    def _find_legal(self, first, last):
        tokens = np.stack(np.unravel_index(np.arange(first, last), self._space.sizes), axis=1)
        legal = np.ones(len(tokens), bool)
        for position in range(self._space.length):
            # Tokens after an illegal prefix do not matter.
            allowed = self._space.legal_tokens(tokens[:, :position])
            legal &= allowed[np.arange(len(tokens)), tokens[:, position]]
        return tokens[legal]

    def restore(self) -> int:
        return self._completed


ENTRY = AlgorithmEntry(
    "Exhaustive search",
    lambda setting: Exhaustive(setting.space, setting.ledger.steps),
    defaults={"pipeline": 1, "budget": None},
    most_strings=MOST_STRINGS,
)
