"""Local search: strings near those of the few best behaviours, and now and then a random one.

What is new of a rule is mostly said by how it behaves, so that the parents are of different behaviours: the children
of five spellings of one would be measured for nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Union

import numpy as np

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.registry import AlgorithmEntry
from neural_optimizer_search.search.variation import MUTATION_TRIES, cross, draw_string, mutate


@dataclass(frozen=True)
class LocalConfig:
    """Args:
      batch_size: Strings a proposal.
      parents: The best so many distinct behaviours have children; with fewer known, strings are random.
      random_share: Of the strings that are random; a search does not stay where it began.
      crossover_share: Of the others, those that take a span of tokens from another parent.
      twice_share: Of those that do not, those of which two tokens change.

    Raises:
      ValueError: If a value is out of range.
    """

    batch_size: int = 8
    parents: int = 5
    random_share: float = 0.1
    crossover_share: float = 0.2
    twice_share: float = 0.2

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "batch_size", "parents")
        check_fields(self, "in [0, 1]", "random_share", "crossover_share", "twice_share")


class Parent(NamedTuple):
    """A string, its reward, and the key of its evaluation, which is that of its behaviour."""

    reward: float
    key: str
    string: tuple[int, ...]


class Local(Algorithm):
    """Proposes neighbours of the best strings; proposal k draws from (seed, k) and from what was learned.

    No string is proposed that was learned from before. Rules that the space cannot spell are skipped.

    Args:
      space: A `Space`.
      config: A `LocalConfig`.
      seed: Seed of the strings.
      known: Evaluations of rules to begin from, such as the known optimizers.
      samples: The `Sample`s of the steps done before, which is all its state.

    Attributes:
      best: The `Parent`s, best first, of equal ones the older first.
    """

    def __init__(
        self,
        space: Space,
        config: LocalConfig,
        seed: int,
        known: Iterable[Evaluation] = (),
        samples: Iterable[Sample] = (),
    ):
        self._space, self._config, self._seed = space, config, seed
        self.best: list[Parent] = []
        self._seen: set[tuple[int, ...]] = set()
        self._completed = 0
        for evaluation in known:
            self._add(evaluation)
        for sample in samples:
            self._add(sample)
            self._completed = sample.step + 1

    def propose(self, number: int) -> Proposal:
        """The `Proposal` of this number."""
        rng = np.random.default_rng([self._seed, number])
        strings: list[tuple[int, ...]] = []
        for _ in range(self._config.batch_size):
            strings.append(self._find_new(strings, rng))
        return Proposal([self._space.decode(string) for string in strings])

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """The best of the rules become parents, whoever proposed them."""
        for evaluation in evaluations:
            self._add(evaluation)
        self.metrics = {"parents/mean": float(np.mean([parent.reward for parent in self.best] or [0.0]))}

    def restore(self) -> int:
        return self._completed

    def _add(self, measured: Union[Evaluation, Sample]):
        string = self._space.embed(measured.rule)
        if string is None:
            return
        self._seen.add(string)
        if measured.screened or measured.reward <= 0.0:
            return
        # Of one behaviour, and of one string whose constants were tuned, the best.
        rivals = [one for one in self.best if one.key == measured.key or one.string == string]
        if all(measured.reward > one.reward for one in rivals):
            others = [one for one in self.best if one not in rivals]
            parents = [*others, Parent(measured.reward, measured.key, string)]
            self.best = sorted(parents, key=lambda one: -one.reward)[: self._config.parents]

    def _find_new(self, strings, rng):
        """A string that is not known; if it seems that there is none, any."""
        for _ in range(MUTATION_TRIES):
            string = self._vary(rng)
            if string not in self._seen and string not in strings:
                return string
        return draw_string(self._space, rng)

    def _vary(self, rng):
        if len(self.best) < self._config.parents or rng.random() < self._config.random_share:
            return draw_string(self._space, rng)
        place = int(rng.integers(len(self.best)))
        string = self.best[place].string
        if len(self.best) > 1 and rng.random() < self._config.crossover_share:
            other = (place + int(rng.integers(1, len(self.best)))) % len(self.best)
            return cross(string, self.best[other].string, self._space, rng)
        for _ in range(1 + (rng.random() < self._config.twice_share)):
            string = mutate(string, self._space, rng)
        return string


ENTRY = AlgorithmEntry(
    "Local search",
    lambda setting: Local(setting.space, LocalConfig(), setting.seed, setting.known, setting.ledger.sample_rows()),
)
