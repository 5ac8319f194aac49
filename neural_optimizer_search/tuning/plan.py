"""The plan of a tuning: its budget, and how the trials and the fresh seeds share it."""

from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.search.fresh import choose_seeds
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.first_trials import count_first_trials, count_probe_steps, find_trial_steps
from neural_optimizer_search.trials.setting import Setting

TRAININGS = 200  # number of trainings that the default budget allows
SEEDS = 5  # number of fresh seeds
FINALISTS = 3  # number of tuned settings
OWN_FINALISTS = 2  # the rule as given, at its two best rates: a single training does not tell which is better
REWARD = "end_accuracy"
FIRST_FRESH_SEED = 10_000


@dataclass(frozen=True)
class Plan:
    """The budget and the seeds of a tuning.

    Attributes:
      steps: Gradient steps that all trainings together may take.
      seed: Seed of the proposals.
      seeds: Seeds with which the best settings are trained again.
      known: The setting that is known for the rule and tried first; None without one.
    """

    steps: int
    seed: int
    seeds: tuple[int, ...]
    known: Optional[Setting] = None


def choose_fresh_seeds(count: int, protocol: Protocol) -> tuple[int, ...]:
    """The seeds with which the best settings are measured again.

    They are neither those of the protocol, nor those with which a search measures its best rules again, because these
    chose RUN#1 and so the setting that a tuning compares with.
    """
    return choose_seeds(count, protocol.seeds, FIRST_FRESH_SEED)


def find_default_steps(protocol: Protocol) -> int:
    """The gradient steps of as many trainings as the default budget allows."""
    return TRAININGS * protocol.final_steps


def check_steps(protocol: Protocol, plan: Plan) -> None:
    """Raises a ValueError that names the steps needed if the plan has fewer."""
    reserved, each = find_reserve(protocol, plan), find_trial_steps(protocol)
    trials = count_first_trials(protocol)
    probe = 0 if plan.known is None else count_probe_steps(protocol)
    least = reserved + trials * each + probe
    if plan.steps < least:
        first = f"{probe} for the scale of the known rate, " if probe else ""
        raise ValueError(
            f"Argument `steps` must be at least {least}: {first}{trials} trials of {each} steps, and {reserved} "
            f"steps for the best with {len(plan.seeds)} fresh seeds. Received: {plan.steps}."
        )


def find_reserve(protocol: Protocol, plan: Plan) -> int:
    """The gradient steps that are reserved for the fresh seeds."""
    return (FINALISTS + OWN_FINALISTS) * len(plan.seeds) * protocol.final_steps
