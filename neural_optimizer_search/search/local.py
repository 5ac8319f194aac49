"""Local search: strings near those of the few best behaviours, from which a model chooses the most promising.

The parents have different behaviours, because several spellings of one behaviour would have redundant children.
Children cost nothing until they are measured, so many are generated and few are proposed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Optional, Union

import numpy as np

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.registry import AlgorithmEntry
from neural_optimizer_search.search.string_model import StringModelConfig, score_strings
from neural_optimizer_search.search.variation import MUTATION_TRIES, cross, draw_string, mutate

TRIES = 5  # per string to find


@dataclass(frozen=True)
class LocalConfig:
    """The settings of local search.

    Args:
      batch_size: Strings per proposal.
      candidates: Number of strings from which they are chosen, in proportion for a proposal of another size.
      parents: The number of best distinct behaviours that have children; with fewer known, strings are random.
      random_share: Share of the candidates that are random, so that a search does not stay where it began.
      crossover_share: Share of the other candidates that take a span of tokens from another parent.
      twice_share: Share of the candidates without crossover in which two tokens change.
      patience: Number of consecutive strings without anything new, after which children are proposed in the order in
        which they are generated, because the most promising one may be a known one in another spelling.
      model: A `StringModelConfig`; None proposes children in the order in which they are generated.

    Raises:
      ValueError: If a value is out of range.
    """

    batch_size: int = 8
    candidates: int = 100
    parents: int = 5
    random_share: float = 0.1
    crossover_share: float = 0.2
    twice_share: float = 0.5
    patience: int = 16
    model: Optional[StringModelConfig] = field(default_factory=StringModelConfig)

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "batch_size", "candidates", "parents", "patience")
        check_fields(self, "in [0, 1]", "random_share", "crossover_share", "twice_share")


class Parent(NamedTuple):
    """A string, its reward, and the key of its evaluation, which identifies its behaviour."""

    reward: float
    key: str
    string: tuple[int, ...]


class Local(Algorithm):
    """Proposes neighbours of the best strings; proposal k draws from (seed, k) and from what was learned.

    Strings learned from are not proposed again while new ones can be found. Rules that the space cannot spell are
    skipped.

    Args:
      space: A `Space`.
      config: A `LocalConfig`.
      seed: Seed of the strings.
      known: Evaluations of rules to start from, such as the known optimizers.
      samples: The `Sample`s of earlier steps, which are its whole state.
      sizes: Sizes of proposals that differ from the configuration's.

    Attributes:
      best: The `Parent`s, best first; among equal ones, the older first.
    """

    def __init__(
        self,
        space: Space,
        config: LocalConfig,
        seed: int,
        known: Iterable[Evaluation] = (),
        samples: Iterable[Sample] = (),
        sizes: BatchSizes = OWN,
    ):
        self._space, self._config, self._seed, self._sizes = space, config, seed, sizes
        self.best: list[Parent] = []
        self._seen: set[tuple[int, ...]] = set()
        self._rewards: dict[tuple[int, ...], float] = {}
        self._keys: set[str] = set()
        self._repeats = 0  # strings since the last new one
        self._completed = 0
        for evaluation in known:
            self._add(evaluation)
        for sample in samples:
            self._add(sample)
            self._completed = sample.step + 1

    def propose(self, number: int) -> Proposal:
        """The `Proposal` with this number."""
        rng = np.random.default_rng([self._seed, number])
        own, model = self._config.batch_size, self._config.model
        size = self._sizes.find(number, own)
        if model is None or self._knows_little or self._repeats >= self._config.patience:
            strings = self._find_new(size, rng)
        else:
            candidates = self._find_new(max(size, self._config.candidates * size // own), rng)
            scores = score_strings(candidates, list(self._rewards), list(self._rewards.values()), model)
            strings = [candidates[place] for place in np.argsort(-scores, kind="stable")[:size]]
        return Proposal([self._space.decode(string) for string in strings])

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Turns the best of the rules into parents, no matter which algorithm proposed them."""
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
        self._repeats = self._repeats + 1 if measured.screened or measured.key in self._keys else 0
        self._keys.add(measured.key)
        if measured.screened:
            return
        self._rewards[string] = max(measured.reward, self._rewards.get(string, measured.reward))
        if measured.reward > 0.0:
            self._add_parent(measured, string)

    def _add_parent(self, measured, string):
        # Keep only the best of each behaviour, and of each string, because tuning constants gives a string several.
        rivals = [one for one in self.best if one.key == measured.key or one.string == string]
        if all(measured.reward > one.reward for one in rivals):
            others = [one for one in self.best if one not in rivals]
            parents = [*others, Parent(measured.reward, measured.key, string)]
            self.best = sorted(parents, key=lambda one: -one.reward)[: self._config.parents]

    @property
    def _knows_little(self):
        return len(self.best) < self._config.parents

    def _find_new(self, count, rng):
        """At most `count` distinct new strings; if none can be found, `count` random ones."""
        strings: dict[tuple[int, ...], None] = {}
        for _ in range(MUTATION_TRIES + TRIES * count):
            string = self._vary(rng)
            if string not in self._seen:
                strings[string] = None
            if len(strings) == count:
                break
        return list(strings) or [draw_string(self._space, rng) for _ in range(count)]

    def _vary(self, rng):
        if self._knows_little or rng.random() < self._config.random_share:
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
    lambda setting: Local(
        setting.space,
        LocalConfig(),
        setting.seed,
        setting.known,
        setting.ledger.sample_rows(),
        setting.batch_sizes,
    ),
    batch=LocalConfig.batch_size,
    smallest_batch=1,
)
