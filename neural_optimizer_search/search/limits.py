"""The limits of a search: on rules, gradient steps, minutes, and rules without improvement."""

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.search.recorder import EvaluationRecorder


class Spent(NamedTuple):
    """What a search has spent, by the names of its `Limits`.

    Attributes:
      rules: Number of rules trained.
      steps: Number of gradient steps of the rules learned from, including known optimizers.
      patience: Number of rules trained since the best one was found.
      minutes: Minutes of this command; a resumed search starts again from 0.
    """

    rules: int
    steps: int
    patience: int
    minutes: float


@dataclass(frozen=True)
class Limits:
    """The limits of a search, which ends when the first of them is reached; None sets no limit.

    After `steps`, `patience` or `minutes`, nothing more is proposed, and work in progress is finished. `rules` is met
    exactly, and no round of tuning exceeds `steps`. All limits except `minutes` depend only on what was learned from,
    not on the number of workers or on where a search was stopped.

    Args:
      rules: Number of rules to train; those that were screened out, repeated or cached do not count.
      steps: Number of gradient steps to spend.
      patience: Number of rules to train without a new best one that beats the last beyond the noise of its seeds.
      minutes: Minutes of wall-clock time.

    Example:
      >>> from neural_optimizer_search.search.limits import Limits, Spent
      >>> limits = Limits(rules=300, minutes=10.0)
      >>> limits.find_reached(Spent(rules=120, steps=90_000, patience=7, minutes=10.2))
      'minutes'
      >>> limits.describe("minutes")
      '10 minutes'
    """

    rules: Optional[int] = None
    steps: Optional[int] = None
    patience: Optional[int] = None
    minutes: Optional[float] = None

    @property
    def given(self) -> Mapping[str, float]:
        """The limits that are set, by name."""
        return {name: limit for name, limit in dataclasses.asdict(self).items() if limit is not None}

    def find_reached(self, spent: Spent) -> Optional[str]:
        """The name of a limit that is reached; None if none is."""
        return next((name for name, limit in self.given.items() if getattr(spent, name) >= limit), None)

    def describe(self, name: str) -> str:
        """A limit in words."""
        return _WORDS[name](self.given[name])

    def find_left(self, spent: Spent, before: int) -> dict[str, float]:
        """The number of rules until each limit, if they cost as much as the earlier ones; the nearest limit first.

        Args:
          spent: What was spent so far.
          before: Number of these rules that earlier commands trained.

        Returns:
          The number of rules by the limit's name; inf for a limit that is never reached.
        """
        here, rules = max(spent.rules - before, 1), max(spent.rules, 1)
        costs = {"rules": 1.0, "steps": spent.steps / rules, "patience": 1.0, "minutes": spent.minutes / here}
        rest = {name: max(0.0, limit - getattr(spent, name)) for name, limit in self.given.items()}
        left = {name: amount / costs[name] if costs[name] else math.inf for name, amount in rest.items()}
        return dict(sorted(left.items(), key=lambda item: item[1]))

    def describe_shares(self, spent: Spent, before: int) -> str:
        """The used share of each limit in words, the nearest limit first; "" if rules are the only limit."""
        if not set(self.given) - {"rules"}:
            return ""
        names = self.find_left(spent, before)
        return ", ".join(
            f"{min(1.0, getattr(spent, name) / self.given[name]):.0%} of {self.describe(name)}" for name in names
        )


def find_spent(recorder: EvaluationRecorder, began: float) -> Spent:
    """What a search has spent; `began` is the `time.monotonic` at which its minutes began."""
    return Spent(recorder.trained, recorder.steps, recorder.waited, (time.monotonic() - began) / 60)


_WORDS = {
    "rules": lambda limit: count_of(limit, "rule"),
    "steps": lambda limit: count_of(limit, "gradient step"),
    "patience": lambda limit: f"{count_of(limit, 'rule')} without a better one",
    "minutes": lambda limit: f"{limit:g} minute{'' if limit == 1 else 's'}",
}
