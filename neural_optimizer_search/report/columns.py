"""What a page says of all evaluations and samples, gathered in one pass: a long search has more than memory holds."""

import bisect
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Union, overload

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.report.axes import is_plottable


class Measured:
    """What became of the proposed rules.

    Args:
      found: The `Evaluation`s in order; each is looked at once.

    Attributes:
      rewards: Of all, in order.
      seconds: What those that were trained took, in order; what is from the cache was not trained.
      working: The places of the rules that work.
      statuses: How many of those that were trained have each status.
      failures: How many of them did not train to the end, by (status, message).
    """

    def __init__(self, found: Iterable[Evaluation]):
        self.rewards, self.seconds, self.working = array("d"), array("d"), array("q")
        self.statuses: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        for place, e in enumerate(found):
            self.rewards.append(e.reward)
            if e.status == "ok" or (e.status == "diverged" and e.reward > 0):
                self.working.append(place)
            if not e.cached:
                self.seconds.append(e.seconds)
                self.statuses[e.status] += 1
                if e.status != "ok":
                    self.failures[e.status, e.message] += 1


class Ranked(Sequence[Evaluation]):
    """Some of the evaluations by reward, the best first; of equal ones, the one found first.

    Args:
      found: All evaluations; only those that are asked for are looked at.
      places: Which of them are ranked.
      rewards: Of all.
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


class Point(NamedTuple):
    """One sampled rule that was measured.

    Attributes:
      number: Its place among the samples, from 1 on.
      rule: The `Rule` as it was sampled.
      reward: Its reward.
      repeated: Whether the same function was sampled before.
    """

    number: int
    rule: Rule
    reward: float
    repeated: bool


class History:
    """The samples that passed the screen and have a reward that can be drawn; each is looked at once.

    Args:
      samples: The `Sample`s in order.

    Attributes:
      numbers: The places of those samples, from 1 on.
      rewards: Their rewards.
      screened: The places of the samples that the screen stopped, from 0 on.
    """

    def __init__(self, samples: Sequence[Sample]):
        self._samples = samples
        self.numbers, self.rewards, self.screened = array("q"), array("d"), array("q")
        self._repeated = bytearray()
        seen = set()
        for number, sample in enumerate(samples, 1):
            if sample.screened:
                self.screened.append(number - 1)
                continue
            if is_plottable(sample.reward):
                self.numbers.append(number)
                self.rewards.append(sample.reward)
                self._repeated.append(sample.key in seen)
            seen.add(sample.key)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Point:
        number = self.numbers[place]
        return Point(number, self._samples[number - 1].rule, self.rewards[place], bool(self._repeated[place]))

    def find(self, number: int) -> int:
        """The place here of a sample's number."""
        return bisect.bisect_left(self.numbers, number)
