"""Figures about all evaluations and samples, gathered in one pass: a long search has too many to keep in memory."""

import heapq
from array import array
from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from typing import NamedTuple, Union, overload

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.statistics import improvements


class EvaluationFigures:
    """The outcomes of the proposed rules.

    Args:
      found: The `Evaluation`s in order; each is read once.

    Attributes:
      rewards: Rewards of all evaluations, in order.
      seconds: Durations of the trainings, in order; rules from the cache were not trained.
      working: Indices of the rules that work.
      statuses: Number of trained rules with each status.
      failures: Number of trained rules that did not train to the end, by (status, message).
      stopped: Keys of the rules that were stopped because they could not reach the best.
      halted: Indices of these rules.
      stages: Number of stopped rules by the number of seeds they had completed; 0 is after the sweep.
      tasks: Number of stopped rules by the number of tasks they had completed.
      steps: Gradient steps spent on the trained rules, by status.
      uncounted: Number of trained rules without recorded steps, except failed ones.
    """

    def __init__(self, found: Iterable[Evaluation]):
        self.rewards, self.seconds = array("d"), array("d")
        self.working, self.halted = array("q"), array("q")
        self.statuses: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        self.stopped: set[str] = set()
        self.stages: Counter[int] = Counter()
        self.tasks: Counter[int] = Counter()
        self.steps: Counter[str] = Counter()
        self.uncounted = 0
        for place, e in enumerate(found):
            self.rewards.append(e.reward)
            if e.status == "ok" or (e.status == "diverged" and e.reward > 0):
                self.working.append(place)
            if not e.cached:
                self.seconds.append(e.seconds)
                self.statuses[e.status] += 1
                self.steps[e.status] += e.steps
                self.uncounted += not e.steps and e.status not in FAILURES
                if e.status not in ("ok", "stopped"):
                    self.failures[e.status, e.message] += 1
            if e.status == "stopped":
                self.stopped.add(e.key)
                self.halted.append(place)
                stages, stage = (self.tasks, e.parts) if e.parts else (self.stages, e.rewards)
                stages[len(stage)] += 1


class Ranked(Sequence[Evaluation]):
    """A selection of the evaluations by reward, best first; ties stay in the order in which they were found.

    Args:
      found: All evaluations; each is read only when it is accessed.
      places: Indices of the evaluations to rank.
      rewards: Rewards of all evaluations.

    Attributes:
      places: These indices, by reward.
    """

    def __init__(self, found: Sequence[Evaluation], places: Iterable[int], rewards: Sequence[float]):
        self._found = found
        self.places = array("q", sorted(places, key=lambda place: -rewards[place]))

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Evaluation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Evaluation]: ...
    def __getitem__(self, place: Union[int, slice]) -> Union[Evaluation, list[Evaluation]]:
        if isinstance(place, slice):
            return [self._found[found] for found in self.places[place]]
        return self._found[self.places[place]]

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, Ranked) else other)


# Kinds of points. A sampled rule that passed the screen is new, behaves like an earlier rule (ALIKE), was proposed
# before or is a known optimizer (AGAIN), or was stopped because it could not reach the best. Rules with tuned
# constants were not sampled.
NEW, ALIKE, AGAIN, STOPPED, TUNED = range(5)


class Point(NamedTuple):
    """A measured rule: a sample, or a rule with tuned constants.

    Attributes:
      number: Its position among the samples, from 1; for tuned constants, the number of samples before them.
      rule: The `Rule` as it was sampled or tuned.
      reward: Its reward; an estimate if it was stopped.
      kind: One of `NEW`, `ALIKE`, `AGAIN`, `STOPPED` and `TUNED`.
      key: Key of its evaluation.
    """

    number: int
    rule: Rule
    reward: float
    kind: int
    key: str


class History:
    """The samples that passed the screen and have a drawable reward; each is read once.

    Args:
      samples: The `Sample`s in order.
      stopped: Keys of the evaluations that were stopped.
      known: Keys of the known optimizers, which were measured first.
      tuned: (step in which the search learned from it, `Evaluation`) of each rule with tuned constants.

    Attributes:
      numbers: Their positions among all samples, from 1.
      rewards: Their rewards.
      kinds: Their kinds: `NEW`, `ALIKE`, `AGAIN` or `STOPPED`.
      full: Whether each is a rule that the search found and measured in full.
      screened: Indices of the samples that the screen stopped.
      tuned: (a `Point`, the number of rules measured before it) for each rule with tuned constants, in order.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        stopped: Container[str] = (),
        known: Collection[str] = (),
        tuned: Iterable[tuple[int, Evaluation]] = (),
    ):
        self._samples = samples
        self.numbers, self.rewards, self.screened = array("q"), array("d"), array("q")
        self.kinds, self.full = bytearray(), bytearray()
        self.tuned: list[tuple[Point, int]] = []
        seen, waiting = set(known), _order(tuned, known)
        for number, sample in enumerate(samples, 1):
            while waiting and waiting[-1][0] <= sample.step:
                self._add_tuned(waiting.pop()[1], number - 1, len(seen) - len(known))
            if sample.screened:
                self.screened.append(number - 1)
                continue
            if is_plottable(sample.reward):
                is_stopped = sample.key in stopped
                self.numbers.append(number)
                self.rewards.append(sample.reward)
                self.kinds.append(_find_kind(sample, sample.key in seen, is_stopped))
                self.full.append(not is_stopped and sample.key not in known)
            seen.add(sample.key)
        for _, e in reversed(waiting):
            self._add_tuned(e, len(samples), len(seen) - len(known))

    def _add_tuned(self, e, number, measured):
        self.tuned.append((Point(number, e.rule, e.reward, TUNED, e.key), measured))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Point:
        number = self.numbers[place]
        sample = self._samples[number - 1]
        return Point(number, sample.rule, self.rewards[place], self.kinds[place], sample.key)

    @property
    def best_so_far(self) -> list[tuple[int, float]]:
        """(number, best reward so far) wherever it rises and at the end, among rules measured in full."""
        sampled = ((self.numbers[k], self.rewards[k]) for k in range(len(self)) if self.full[k])
        tuned = [(point.number, point.reward) for point, _ in self.tuned]
        # A rule tuned after a sample has the same number as the sample.
        best = improvements(heapq.merge(sampled, tuned, key=lambda point: point[0]))
        return [*best, (self.numbers[-1], best[-1][1])] if best and best[-1][0] < self.numbers[-1] else best

    @property
    def best_places(self) -> list[int]:
        """Indices of the points that set a new best reward, and of the last one that was measured in full."""
        best = improvements((k, self.rewards[k]) for k in range(len(self)) if self.full[k])
        return [place for place, _ in best]


def _order(tuned, known):
    """The drawable tuned rules that the search itself found, last step first."""
    found = (
        one for one in tuned if one[1].form not in known and one[1].status == "ok" and is_plottable(one[1].reward)
    )
    return sorted(found, key=lambda one: one[0], reverse=True)


def _find_kind(sample, is_seen, is_stopped):
    if sample.alike:
        return ALIKE
    if is_seen:
        return AGAIN
    return STOPPED if is_stopped else NEW
