"""What a page says about all evaluations and samples, gathered in one pass: a long search has too many for memory."""

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


class Measured:
    """What became of the proposed rules.

    Args:
      found: The `Evaluation`s in order; each is read once.

    Attributes:
      rewards: Rewards of all of them, in order.
      seconds: Duration of those that were trained, in order; those from the cache were not trained.
      working: The places of the rules that work.
      statuses: How many of those that were trained have each status.
      failures: How many of them could not be trained to the end, by (status, message).
      stopped: The keys of those that were stopped because they could not reach the best.
      stages: How many were stopped after how many seeds; 0 is after the sweep.
      tasks: How many were stopped after how many tasks.
      steps: Gradient steps spent on those that were trained, by status.
      uncounted: How many were trained when no steps were recorded, and did not fail before the first.
    """

    def __init__(self, found: Iterable[Evaluation]):
        self.rewards, self.seconds, self.working = array("d"), array("d"), array("q")
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
                stages, stage = (self.tasks, e.parts) if e.parts else (self.stages, e.rewards)
                stages[len(stage)] += 1


class Ranked(Sequence[Evaluation]):
    """Some of the evaluations by reward, the best first; of equal ones, the one found first.

    Args:
      found: All evaluations; only those that are asked for are read.
      places: Which of them are ranked.
      rewards: Rewards of all evaluations.
    """

    def __init__(self, found: Sequence[Evaluation], places: Iterable[int], rewards: Sequence[float]):
        self._found = found
        self._order = array("q", sorted(places, key=lambda place: -rewards[place]))

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> Evaluation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Evaluation]: ...
    def __getitem__(self, place: Union[int, slice]) -> Union[Evaluation, list[Evaluation]]:
        if isinstance(place, slice):
            return [self._found[found] for found in self._order[place]]
        return self._found[self._order[place]]

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, Ranked) else other)


# What a sampled rule that passed the screen is: measured now; one that behaves like one before; proposed before, or a
# known optimizer; or stopped because it could not reach the best. What was tuned was not sampled, and stands beside.
NEW, ALIKE, AGAIN, STOPPED, TUNED = range(5)


class Point(NamedTuple):
    """One sampled rule that was measured.

    Attributes:
      number: Its place among the samples, from 1 on; of what was tuned, how many there were before.
      rule: The `Rule` as it was sampled.
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
    """The samples that passed the screen and have a reward that can be drawn; each is looked at once.

    Args:
      samples: The `Sample`s in order.
      stopped: The keys of evaluations that were stopped.
      known: The keys of known optimizers, which were measured before.
      tuned: (step in which it was learned from, `Evaluation`) of rules with tuned constants.

    Attributes:
      numbers: The places of those samples, from 1 on.
      rewards: Their rewards.
      kinds: What each is: `NEW`, `ALIKE`, `AGAIN` or `STOPPED`.
      full: Whether each has the reward of a rule that the search found and measured to its end.
      screened: The places of the samples that the screen stopped, from 0 on.
      tuned: (a `Point`, how many rules had been measured before) of each rule with tuned constants, in order.
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
        """(Number, best reward so far of a rule that was measured to its end), wherever it rises and at the end."""
        sampled = ((self.numbers[k], self.rewards[k]) for k in range(len(self)) if self.full[k])
        tuned = [(point.number, point.reward) for point, _ in self.tuned]
        # A sample and what was tuned after it have one number.
        best = improvements(heapq.merge(sampled, tuned, key=lambda point: point[0]))
        return [*best, (self.numbers[-1], best[-1][1])] if best and best[-1][0] < self.numbers[-1] else best

    @property
    def best_places(self) -> list[int]:
        """The places here of the samples that were the best of all before."""
        best = improvements((k, self.rewards[k]) for k in range(len(self)) if self.full[k])
        return [place for place, _ in best]


def _order(tuned, known):
    """What can be drawn of rules that the search found, the last step first."""
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
