"""How much a tuning tries: its budget, and what of that the trials and the fresh seeds get."""

from dataclasses import dataclass

from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.schedule import DECAYS

TRAININGS = 200  # that the default budget is worth
SEEDS = 5  # fresh ones
FINALISTS = 3  # beside the rule as it was given
OWN_FINALISTS = 2  # of that one, at its two best rates: one training alone does not say which is better
REWARD = "end_accuracy"
TIMES = (1.0, 3.0)  # of the best rate with the own schedule: what falls more in the course of a run may begin higher
RANDOM_TRIALS = 10  # before the sampler has enough to learn from


@dataclass(frozen=True)
class Plan:
    """How much is tried.

    Attributes:
      steps: Gradient steps that all trainings together may take.
      seed: Of what is proposed.
      seeds: With which the best are trained again.
    """

    steps: int
    seed: int
    seeds: tuple[int, ...]


def find_default_steps(protocol: Protocol) -> int:
    """The gradient steps of as many trainings as the default budget is worth."""
    return TRAININGS * protocol.final_steps


def find_fresh_seeds(protocol: Protocol, count: int) -> tuple[int, ...]:
    """Seeds that no search under this protocol trains with."""
    first = max(protocol.seeds) + 1
    return tuple(range(first, first + count))


def choose_seed(seeds: tuple[int, ...], number: int, fixed: int) -> int:
    """The seed of a trial: the first for the `fixed` ones, which are compared one by one; then all in turn.

    With one seed for all, what is best would suit that one alone.
    """
    return seeds[0] if number < fixed else seeds[number % len(seeds)]


def find_own_rates(protocol: Protocol) -> tuple[float, ...]:
    """Those that a rule is tried with as it was given; the middle ones first, which are the likeliest."""
    rates = sorted(protocol.learning_rates)
    middle = (len(rates) - 1) / 2
    return tuple(rate for _, rate in sorted(enumerate(rates), key=lambda pair: abs(pair[0] - middle)))


def find_other_schedules(own: str) -> tuple[tuple[str, float], ...]:
    """The schedules other than the own one, which the rule is tried with too: (schedule, times the best own rate)."""
    return tuple((name, times) for name in DECAYS if name != own for times in TIMES)


def count_first_trials(protocol: Protocol) -> int:
    """The trials before the sampler learns: of the rule's own constants, and random ones."""
    own = protocol.schedules[0].decay
    return len(protocol.learning_rates) + len(find_other_schedules(own)) + RANDOM_TRIALS


def check_steps(protocol: Protocol, plan: Plan) -> None:
    """Raises a ValueError that says how many steps are needed, if there are fewer."""
    reserved, each = find_reserve(protocol, plan), find_trial_steps(protocol)
    trials = count_first_trials(protocol)
    least = reserved + trials * each
    if plan.steps < least:
        raise ValueError(
            f"Argument `steps` must be at least {least}: {trials} trials of {each} steps, and {reserved} steps for "
            f"the best with {len(plan.seeds)} fresh seeds. Received: {plan.steps}."
        )


def find_trial_steps(protocol: Protocol) -> int:
    """The gradient steps of a trial that is not pruned."""
    return protocol.final_steps + (protocol.probe_steps if protocol.centred else 0)


def find_reserve(protocol: Protocol, plan: Plan) -> int:
    """The gradient steps that are kept for the fresh seeds."""
    return (FINALISTS + OWN_FINALISTS) * len(plan.seeds) * protocol.final_steps
