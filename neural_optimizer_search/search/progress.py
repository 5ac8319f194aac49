"""Shows the progress of a search: a progress bar, and scalars for TensorBoard."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.records.progress import ProgressBar
from neural_optimizer_search.search.limits import Limits, Spent
from neural_optimizer_search.search.loop import SearchStep


class RuleBar(ProgressBar):
    """A progress bar over rules.

    Args:
      total: Number of rules to train; None if unknown.
      unit: The name of the unit.
      done: Number of rules that were trained before.
      best: The highest reward so far.
      counts_cached: Whether to count rules from the cache, which are not trained.
    """

    def __init__(
        self, total: Optional[int], unit: str, done: int = 0, best: float = 0.0, counts_cached: bool = False
    ):
        super().__init__(total, unit, done)
        self._best, self._any, self._counts, self._counts_cached = best, False, "", counts_cached
        self._say_limits: Callable[[int], str] = lambda done: ""

    def show(self, evaluation: Evaluation) -> None:
        """Counts one more rule."""
        self._best, self._any = max(self._best, evaluation.reward), True
        counts = self._counts_cached or not evaluation.cached
        self._write_note(self.done + counts)
        if counts:
            self.advance()

    def count(self, counts: Mapping[str, int]) -> None:
        """Shows the outcomes of the rules, given `Ledger.counts`."""
        passed = counts["sampled"] - counts["screened"]
        shares = {"passed the screen": passed, "alike": counts["alike"], "cached": counts["cached"]}
        shown = [f", {count / counts['sampled']:.0%} {name}" for name, count in shares.items() if count]
        failed = [f", {counts['failed']} failed"] if counts["failed"] else []
        self._counts = "".join([*shown, *failed])
        self._write_note(self.done)

    def approach(self, limits: Limits, spent: Spent, before: int, share: Optional[float]) -> None:
        """Shows what will end the search, and when, if it continues at the same pace.

        Args:
          limits: Its `Limits`.
          spent: How much of them it has spent.
          before: Number of rules that earlier commands trained.
          share: The share of all proposals made so far; None if they never run out.
        """
        left = limits.find_left(spent, before)
        if share:
            left = {**left, "": spent.rules / min(share, 1.0) - spent.rules}
        nearest = min(left, key=left.__getitem__, default="")
        is_time = nearest == "minutes"
        seconds = 60.0 * limits.minutes if is_time and limits.minutes else None
        self.end_by(time.monotonic() - 60.0 * spent.minutes, seconds)
        if math.isfinite(left.get(nearest, math.inf)) and not is_time:
            self.expect(spent.rules + math.ceil(left[nearest]))
        told = time.monotonic()

        def say(done):
            """Until the next step, only rules and time advance."""
            minutes = spent.minutes + (time.monotonic() - told) / 60
            return limits.describe_shares(spent._replace(rules=max(spent.rules, done), minutes=minutes), before)

        self._say_limits = say
        self._write_note(self.done)

    def _write_note(self, done):
        if self._any:
            speed = f", {60 * self.speed:.0f} rules/min" if self.speed else ""
            shares = self._say_limits(done)
            self.note(f"best {self._best:.4f}{speed}{shares and f', {shares}'}{self._counts}")


def describe_counts(counts: Mapping[str, int]) -> str:
    """The outcomes of all proposed rules in a sentence, given `Ledger.counts`."""
    before = ", ".join(
        f"{counts[name]} {words}"
        for name, words in (
            ("screened", "screened out"),
            ("repeated", "repeated"),
            ("alike", "alike"),
            ("cached", "cached"),
            ("trained", "trained"),
        )
    )
    return (
        f"{counts['sampled']} sampled: {before}, of these {counts['stopped']} stopped early, "
        f"{counts['diverged']} diverged and {counts['failed']} failed."
    )


def describe_cached(known: int) -> str:
    """The number of known optimizers from the cache, in a sentence; "" for none."""
    return f" {count_of(known, 'known optimizer was', 'known optimizers were')} cached." if known else ""


def describe_steps(steps: Mapping[str, int]) -> str:
    """The gradient steps by purpose in a line, given `Ledger.count_steps`; "" if they are unknown."""
    parts = [f"{count:,} on {name}" for name, count in steps.items() if count]
    return f"\n{sum(steps.values()):,} gradient steps: {', '.join(parts)}." if parts else ""


def write_scalars(writer: Any, step: SearchStep, metrics: Mapping[str, float]) -> None:
    """Writes a step and the algorithm's metrics for TensorBoard."""
    rewards = [e.reward for e in step.evaluations]
    scalars = {
        "reward/mean": sum(rewards) / len(rewards),
        "reward/best_of_step": max(rewards),
        "reward/best": step.best,
        "rules/trained": step.trained,
        "rules/distinct_in_step": len({e.key for e in step.evaluations if not e.screened}),
        "rules/screened_in_step": sum(e.screened for e in step.evaluations),
        "rules/staleness": step.staleness,
        **{f"controller/{name}": value for name, value in metrics.items()},
    }
    with writer.as_default(step.number):
        for name, value in scalars.items():
            tf.summary.scalar(name, value)
    writer.flush()
