"""The first trials of a rule, before the sampler has enough to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

from neural_optimizer_search.schedule_shape import DECAYS
from neural_optimizer_search.tasks.protocol import Protocol

TIMES = (
    1.0,
    3.0,
)  # factors of the best rate with the rule's own schedule: a rate that falls further during a run may begin higher
RANDOM_TRIALS = 10  # number of random trials before the sampler learns


@dataclass(frozen=True)
class FirstTrials:
    """The trials of a `Study` before its sampler learns.

    Attributes:
      rates: Learning rates at which the rule is tried as it was given.
      schedules: Other schedules to try it with: (name, factor of the best of those rates).
      random: Number of random trials that follow.
    """

    rates: Sequence[float]
    schedules: Sequence[tuple[str, float]]
    random: int = RANDOM_TRIALS

    @property
    def fixed(self) -> int:
        """The number of trials that are not random."""
        return len(self.rates) + len(self.schedules)


def choose_first_trials(protocol: Protocol) -> FirstTrials:
    """Chooses the first trials of a rule about which nothing is known."""
    return FirstTrials(find_own_rates(protocol), find_other_schedules(protocol.schedules[0].decay))


def choose_seed(seeds: tuple[int, ...], number: int, fixed: int) -> int:
    """The seed of a trial: the first for the `fixed` trials, which are compared directly; then each in turn.

    With a single seed, the best setting would suit only that seed.
    """
    return seeds[0] if number < fixed else seeds[number % len(seeds)]


def find_own_rates(protocol: Protocol) -> tuple[float, ...]:
    """The learning rates at which a rule is tried as it was given, beginning with the middle, likeliest ones."""
    rates = sorted(protocol.learning_rates)
    middle = (len(rates) - 1) / 2
    return tuple(rate for _, rate in sorted(enumerate(rates), key=lambda pair: abs(pair[0] - middle)))


def find_other_schedules(own: str) -> tuple[tuple[str, float], ...]:
    """The other schedules with which a rule is tried: (schedule, factor of the best rate with its own schedule)."""
    return tuple((name, times) for name in DECAYS if name != own for times in TIMES)


def count_first_trials(protocol: Protocol) -> int:
    """The number of trials before the sampler learns: those with the rule's own constants, and random ones."""
    first = choose_first_trials(protocol)
    return first.fixed + first.random


def find_trial_steps(protocol: Protocol) -> int:
    """The number of gradient steps of a trial that is not pruned."""
    return protocol.final_steps + count_probe_steps(protocol)


def find_most_trial_steps(protocol: Protocol) -> int:
    """The number of gradient steps of a trial that is trained with every seed, as a search does with the best."""
    return find_trial_steps(protocol) + (len(protocol.seeds) - 1) * protocol.final_steps


def count_probe_steps(protocol: Protocol) -> int:
    """The number of gradient steps that measure the scale of a rule's updates."""
    return protocol.probe_steps if protocol.centred else 0
