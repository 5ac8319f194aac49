"""Random search: the control that every other algorithm must beat."""

from collections.abc import Sequence

import numpy as np

from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.registry import AlgorithmEntry

BATCH = 20  # enough of them pass the screen to keep the workers busy


class RandomSearch(Algorithm):
    """Proposes rules whose tokens are uniform over the legal ids; proposal k draws from (seed, k) alone.

    Args:
      space: A `Space`.
      seed: Seed of the rules.
      completed: Number of proposals learned from before, which is its whole state.
      sizes: Sizes of proposals that differ from `BATCH`.
    """

    def __init__(self, space: Space, seed: int, completed: int = 0, sizes: BatchSizes = OWN):
        self._space, self._seed, self._completed, self._sizes = space, seed, completed, sizes

    def propose(self, number: int) -> Proposal:
        """The `Proposal` with this number."""
        size = self._sizes.find(number, BATCH)
        tokens = self._space.sample(np.random.default_rng([self._seed, number]), size)
        return Proposal([self._space.decode(string) for string in tokens])

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Does nothing, which makes it the control."""

    def restore(self) -> int:
        return self._completed


ENTRY = AlgorithmEntry(
    "Random search",
    lambda setting: RandomSearch(setting.space, setting.seed, setting.ledger.steps, setting.batch_sizes),
    defaults={"pipeline": 1},
    batch=BATCH,
    smallest_batch=1,
)
