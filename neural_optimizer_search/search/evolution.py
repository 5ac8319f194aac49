"""Regularized evolution (Real et al., 2019, arXiv:1802.01548): tournaments choose parents, and the oldest dies."""

import collections
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.registry import AlgorithmEntry
from neural_optimizer_search.search.variation import draw_string, mutate


@dataclass(frozen=True)
class EvolutionConfig:
    """The settings of regularized evolution.

    Args:
      batch_size: Children per proposal.
      population: Rules alive at a time; the first ones are random.
      tournament: Rules drawn for a tournament, the best of which is the parent.

    Raises:
      ValueError: If a value is out of range.
    """

    batch_size: int = 5
    population: int = 30
    tournament: int = 3

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "batch_size", "population", "tournament")
        if self.tournament > self.population:
            raise ValueError(
                f"Argument `tournament` must be at most population={self.population}. Received: {self.tournament}."
            )


class Evolution(Algorithm):
    """Proposes mutations of good rules: one token of the parent is replaced by another legal one.

    Only rules that pass the screen join the population. Proposal k draws from (seed, k) and the population.

    Args:
      space: A `Space`.
      config: An `EvolutionConfig`.
      seed: Seed of the rules.
      samples: The `Sample`s of earlier steps, which are its whole state. The last ones suffice if as many as the
        population holds passed the screen.
      sizes: Sizes of proposals that differ from the configuration's.
    """

    def __init__(
        self,
        space: Space,
        config: EvolutionConfig,
        seed: int,
        samples: Sequence[Sample] = (),
        sizes: BatchSizes = OWN,
    ):
        self._space, self._config, self._seed, self._sizes = space, config, seed, sizes
        self._completed = 0 if not samples else samples[-1].step + 1
        measured = self._find_members(s for s in reversed(samples) if not s.screened)
        youngest = list(itertools.islice(measured, config.population))
        self._population = collections.deque(reversed(youngest), maxlen=config.population)

    def propose(self, number: int) -> Proposal:
        """The `Proposal` with this number."""
        rng = np.random.default_rng([self._seed, number])
        strings = [self._string(rng) for _ in range(self._sizes.find(number, self._config.batch_size))]
        return Proposal([self._space.decode(string) for string in strings])

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Adds the proposed rules to the population; as many of the oldest die."""
        self._population.extend(self._find_members(e for e in evaluations if not e.screened))
        self.metrics = {"population/mean": float(np.mean([reward for _, reward in self._population] or [0.0]))}

    def _find_members(self, measured):
        """The rules that are in the space, as (string, reward); a search may start with others."""
        found = ((self._space.embed(one.rule), one.reward) for one in measured)
        return ((string, reward) for string, reward in found if string)

    def _string(self, rng):
        if len(self._population) < self._config.population:
            return draw_string(self._space, rng)
        drawn = rng.choice(len(self._population), self._config.tournament, replace=False)
        parent, _ = max((self._population[i] for i in drawn), key=lambda member: member[1])
        return mutate(parent, self._space, rng)

    def restore(self) -> int:
        return self._completed


ENTRY = AlgorithmEntry(
    "Regularized evolution",
    lambda setting: Evolution(
        setting.space, EvolutionConfig(), setting.seed, setting.ledger.sample_rows(), setting.batch_sizes
    ),
    batch=EvolutionConfig.batch_size,
    smallest_batch=1,
)
