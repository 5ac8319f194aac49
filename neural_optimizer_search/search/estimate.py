"""Estimates the duration of a search from that of a training: a range, because rules differ a lot."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.constants import ConstantsConfig, find_round_cost, find_steps_before
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.ranking import SHOWN
from neural_optimizer_search.tasks.protocol import Protocol

# Observed in searches on digits and on tables: the average steps of known optimizers, of rules that may be stopped,
# and of other rules, each as a share of the maximum steps of a rule.
KNOWN_STEPS, RACED_STEPS, WHOLE_STEPS = (0.7, 1.0), (0.2, 0.9), (0.7, 1.0)
TRIAL_STEPS = (0.6, 2.0)  # of a rule in a search for settings on one task, as a multiple of one training
# The duration of a step, relative to one with Adam on a quiet core. The duration of the workers' starts, and of
# tracing for fresh seeds, relative to describing the task without its trainings.
STEP_SECONDS, STARTS, TRACES = (0.7, 2.5), (1.0, 3.0), (0.1, 0.5)


@dataclass(frozen=True)
class Range:
    """The lower and the upper end of an estimate."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: Optional[float] = None) -> "Range":
        """This range with its ends multiplied by `low` and `high`, or both by `low`."""
        return Range(self.low * low, self.high * (low if high is None else high))


@dataclass(frozen=True)
class Plan:
    """The plan of a search.

    Attributes:
      limits: The limits that end it.
      workers: Number of workers that measure rules.
      known: Number of known optimizers that are measured before the rules.
      start: Number of start rules, which are measured first and count towards the budget.
      fresh_seeds: Number of trainings of each known optimizer and each of the best rules at the end.
      tuning: How constants are tuned.
      start_seconds: Seconds to start a process that has all tasks.
      tries_settings: Whether a rule is measured with one setting instead of a sweep.
      most_rules: The most rules that are measured at the same time; None for as many as there are workers.
    """

    limits: Limits
    workers: int
    known: int
    start: int
    fresh_seeds: int
    tuning: ConstantsConfig
    start_seconds: float
    tries_settings: bool = False
    most_rules: Optional[int] = None

    @property
    def busy(self) -> int:
        """The number of workers that have a rule to measure at the same time."""
        return min(self.workers, self.most_rules or self.workers)


@dataclass(frozen=True)
class Estimate:
    """The duration of each part of a search in seconds, and the number of rounds of tuning.

    Attributes:
      starts, known, fresh: Duration of the workers' starts, the known optimizers and the fresh seeds.
      rounds: Number of rounds of tuning; None if unknown.
      search: Duration of the rules and these rounds; None if unknown.
    """

    starts: Range
    known: Range
    rounds: Optional[Range]
    search: Optional[Range]
    fresh: Range

    @property
    def whole(self) -> Optional[Range]:
        """The total; None if unknown."""
        return self.search and self.starts + self.known + self.search + self.fresh


def estimate(plan: Plan, described: Sequence[tuple[Description, Protocol]]) -> Estimate:
    """The `Estimate` of a search.

    Args:
      plan: The `Plan`.
      described: Each task's description, with its protocol.
    """
    most = sum(found.steps for found, _ in described)
    seconds = Range(*STEP_SECONDS).times(sum(found.seconds for found, _ in described) / most)

    def take(steps, rules):
        busy = min(plan.workers, rules)  # one worker measures a rule
        return steps.times(seconds.low / busy, seconds.high / busy)

    known = Range(*KNOWN_STEPS).times(plan.known * most)
    trainings = plan.fresh_seeds * sum(protocol.final_steps for _, protocol in described)
    fresh = Range(plan.known, plan.known + SHOWN).times(trainings)
    steps, rounds = _find_steps(plan, described, most, known)
    search = _limit_time(plan.limits, steps and take(steps, plan.busy), seconds.high * most)
    # New seeds are traced again, once in each worker.
    again = Range(*TRACES).times(plan.start_seconds if plan.fresh_seeds else 0.0)
    starts = Range(*STARTS).times(plan.start_seconds)
    return Estimate(starts, take(known, max(1, plan.known)), rounds, search, take(fresh, plan.known + SHOWN) + again)


def _find_steps(plan, described, most, known):
    """The gradient steps of the search without the known optimizers, and its rounds; None where unknown."""
    limits, protocol = plan.limits, described[0][1]
    ends = []
    if limits.rules is not None:
        if plan.tries_settings:
            of_rules = _find_trial(described).times(limits.rules)
        else:
            of_rules = Range(*(RACED_STEPS if protocol.racing else WHOLE_STEPS)).times(limits.rules * most)
        if limits.patience is not None:
            of_rules = Range(min(1.0, limits.patience / limits.rules) * of_rules.low, of_rules.high)
        ends.append(of_rules + _tune(plan.tuning, protocol, of_rules + known))
    if limits.steps is not None:
        ends.append(Range(max(0.0, limits.steps - known.high), max(0.0, limits.steps - known.low)))
    if not ends:
        return None, None
    steps = Range(min(end.low for end in ends), min(end.high for end in ends))
    if not plan.tuning.share:
        return steps, Range(0, 0)
    share, cost = plan.tuning.share, find_round_cost(plan.tuning, protocol)
    # A limit of minutes may end the search before the first round.
    least = 0 if limits.minutes is not None else share * (steps + known).low // cost
    return steps, Range(least, share * (steps + known).high // cost)


def _find_trial(described):
    """The steps of a rule in a search for settings."""
    if len(described) == 1:
        return Range(*TRIAL_STEPS).times(described[0][1].final_steps)
    # Each task is trained with every seed, and a rule may be stopped after the first, whichever that will be.
    each = [len(protocol.seeds) * protocol.final_steps for _, protocol in described]
    return Range(min(each), sum(each))


def _tune(tuning, protocol, others):
    """The steps of the rounds, given those of everything else."""
    if not tuning.share:
        return Range(0, 0)
    cost, before = find_round_cost(tuning, protocol), find_steps_before(tuning, protocol)
    return Range(*(cost * (steps // before) for steps in (others.low, others.high)))


def _limit_time(limits, search, rule):
    if limits.minutes is None:
        return search
    seconds = 60 * limits.minutes
    return Range(
        min(seconds, search.low if search else seconds), min(seconds, search.high if search else seconds) + rule
    )


def guess_fresh_seconds(known: Iterable[Evaluation], final_steps: int, seeds: int, workers: int) -> float:
    """Estimates the duration of the trainings with fresh seeds, in seconds; 0 if unknown.

    Args:
      known: The evaluations of the known optimizers.
      final_steps: Gradient steps of a training, on all tasks.
      seeds: Number of fresh seeds.
      workers: Number of workers.
    """
    seen = [e for e in known if e.steps > 0 and 0 < e.seconds < math.inf]
    steps = sum(e.steps for e in seen)
    if not steps:
        return 0.0
    rules = len(seen) + SHOWN
    return sum(e.seconds for e in seen) / steps * final_steps * seeds * rules / min(workers, rules)
