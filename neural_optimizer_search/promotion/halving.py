"""Successive halving (Jamieson & Talwalkar, 2016): trains many rules briefly, and the best of them for longer."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.run_directory import rank


class Rung(NamedTuple):
    """The result of one round: its number, from 1, and the evaluations of found rules and known optimizers."""

    number: int
    found: list[Evaluation]
    known: list[Evaluation]


@dataclass(frozen=True)
class Halving:
    """The number of rules in each rung, and how long they are trained.

    Args:
      rungs: Number of rounds; the last one ends where the protocol's training ends.
      keep: Share of a rung's rules that go on to the next. A rung ends after 1/keep times as many steps as the one
        before it, so that all of them take about as long, unless the first one would end too early.

    Example:
      >>> from neural_optimizer_search.promotion.halving import Halving
      >>> Halving(rungs=3, keep=0.5).counts(20)
      [20, 10, 5]
    """

    rungs: int = 3
    keep: float = 1 / 3

    def __post_init__(self) -> None:
        if self.rungs < 1:
            raise ValueError(f"Argument `rungs` must be at least 1. Received: {self.rungs}.")
        if not 0 < self.keep < 1:
            raise ValueError(f"Argument `keep` must be more than 0 and less than 1. Received: {self.keep}.")

    def count_kept(self, count: int) -> int:
        """The number of rules out of `count` that go on: at least one."""
        return max(1, math.ceil(count * self.keep - 1e-9))  # 0.1 * 30 is a little more than 3

    def choose(self, rung: Rung) -> list[Rule]:
        """The rules that go on after a rung: the best that trained to its end."""
        whole = rank(e for e in rung.found if e.status == "ok")
        return [e.rule for e in whole[: self.count_kept(len(rung.found))]]

    def counts(self, count: int) -> list[int]:
        """The number of rules of each rung, the first of which has `count`."""
        counts = [count]
        while len(counts) < self.rungs:
            counts.append(self.count_kept(counts[-1]))
        return counts

    def ends(self, steps: int, least: int = 1) -> list[int]:
        """The number of steps after which each rung ends.

        Args:
          steps: Steps after which the last one ends.
          least: Minimum steps of the first one; a higher minimum moves the ends closer together.

        Raises:
          ValueError: If there are more rungs than steps.
        """
        if self.rungs > steps:
            most = f"{steps}, the steps of a training"
            raise ValueError(f"Argument `rungs` must be at most {most}. Received: {self.rungs}.")
        share = self.keep
        if self.rungs > 1:
            share = max(share, (min(least, steps) / steps) ** (1 / (self.rungs - 1)))
        ends = [steps]
        for rung in range(self.rungs - 1, 0, -1):
            # Rounding must not give two rungs the same end.
            ends.insert(0, max(rung, min(ends[0] - 1, round(steps * share ** (self.rungs - rung)))))
        return ends


def climb(rules: Sequence[Rule], halving: Halving, measure: Callable[[int, Sequence[Rule]], Rung]) -> Iterator[Rung]:
    """Trains rules rung by rung.

    Args:
      rules: The rules of the first rung.
      halving: A `Halving`.
      measure: (number of a rung, rules) -> `Rung`.

    Yields:
      Each `Rung`. Stops early if no rule of a rung trained to its end.
    """
    for number in range(1, halving.rungs + 1):
        rung = measure(number, rules)
        yield rung
        if not (rules := halving.choose(rung)):
            return
