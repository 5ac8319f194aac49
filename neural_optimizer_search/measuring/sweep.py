"""The sweep, which chooses a rule's learning rate (section 4.2)."""

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.rule_runs import Runs, is_finite
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.tasks.protocol import Protocol


def find_next_rate(losses: Mapping[int, float], rates: int, middle: Optional[int]) -> Optional[int]:
    """The position of the learning rate to try next, or None if enough were tried.

    The search starts in the middle and moves outwards while the best rate is at the edge of those tried, because a
    better one may lie beyond it. If all diverged, it tries the lower rates first, then the higher ones.

    Args:
      losses: Position -> loss of each rate tried, inf if it diverged.
      rates: Number of rates, which are in increasing order.
      middle: Number of rates to try first; None to try all in order.

    Example:
      >>> from neural_optimizer_search.measuring.sweep import find_next_rate
      >>> find_next_rate({3: 0.5, 4: 0.6, 5: 0.7}, rates=9, middle=3)
      2
    """
    if len(losses) == rates:
        return None
    if middle is None:
        return len(losses)
    if len(losses) < min(middle, rates):
        return max(0, (rates - middle) // 2) + len(losses)
    low, high, best = min(losses), max(losses), min(losses, key=losses.__getitem__)
    diverged = losses[best] == np.inf
    if low > 0 and (diverged or best == low):
        return low - 1
    if high < rates - 1 and (diverged or best == high):
        return high + 1
    return None


class Sweep:
    """Tries learning rates with the first seed, then the best few with the other seeds.

    With `racing`, it tries rates from the middle outwards, and other seeds only while a rate may still be the best.

    Args:
      train: The `Runs` of the rule.
      rates: Learning rates.
      protocol: The `Protocol`. Without `racing` all rates are tried.
    """

    def __init__(self, train: Runs, rates: Sequence[float], protocol: Protocol):
        self.rates = rates
        self._train = train
        self._protocol = protocol
        self._middle = protocol.racing.middle_rates if protocol.racing else None
        self._losses: dict[int, list[float]] = {}

    def try_rates(self) -> Optional[float]:
        """Tries rates with the first seed; returns the best one, or None if all diverged."""
        while (position := self._find_next()) is not None:
            self._losses[position] = [self._measure(position, self._protocol.seeds[0])]
        best = min(self._losses, key=self._mean, default=None)
        return None if best is None or self._mean(best) == np.inf else self.rates[best]

    def choose(self) -> Optional[float]:
        """The rate with the lowest loss over all seeds, after `try_rates`; None if none is finite with all seeds."""
        while not (complete := self._try_other_seeds()) and self._find_next() is not None:
            self.try_rates()
        return min(complete)[1] if complete else None

    def train(self, rate: float, seed: int) -> TrainingRun:
        """The sweep's run with a rate and a seed."""
        p = self._protocol
        how = p.sweep_steps, p.sweep_steps, p.schedules[0], p.weight_decays[0]
        return self._train(RunPlan(rate, seed, *how))

    @property
    def losses(self) -> tuple[tuple[float, Optional[float]], ...]:
        """(rate, mean loss over the seeds it was tried with, or None if it diverged) for each rate tried."""
        means = {position: self._mean(position) for position in sorted(self._losses)}
        return tuple((self.rates[position], mean if np.isfinite(mean) else None) for position, mean in means.items())

    def _find_next(self):
        return find_next_rate(
            {position: self._mean(position) for position in self._losses}, len(self.rates), self._middle
        )

    def _try_other_seeds(self):
        """(Mean loss, rate, position) of the best few that are finite with every seed."""
        complete = []
        for position in sorted(self._losses, key=self._losses.__getitem__):
            if len(complete) == self._protocol.finalists:
                break
            losses, best = self._losses[position], self._losses[min(complete)[-1]] if complete else []
            for seed in self._protocol.seeds[1:]:
                if losses[-1] < np.inf and not self._is_beaten(losses, best):
                    losses.append(self._measure(position, seed))
            if losses[-1] < np.inf and len(losses) < len(self._protocol.seeds):
                break  # beaten, and the rates after it were worse with the first seed
            if losses[-1] < np.inf:
                complete.append((self._mean(position), self.rates[position], position))
        return complete

    def _is_beaten(self, losses, best):
        """Whether a rate was worse than the best one with each of most seeds; only with `racing`."""
        are_most = len(losses) > len(self._protocol.seeds) / 2
        return self._protocol.racing and best and are_most and all(loss > least for loss, least in zip(losses, best))

    def _measure(self, position, seed):
        """The cross-entropy after the sweep's steps, inf if it diverged."""
        run = self.train(self.rates[position], seed)
        return float(run.losses[-1]) if is_finite(run) else np.inf

    def _mean(self, position):
        return float(np.mean(self._losses[position]))
