"""Checks of trials that were read from a file, which anybody may have changed."""

from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import is_number, is_reward
from neural_optimizer_search.trials.study import SCALE, STEPS, is_complete, make_distributions
from neural_optimizer_search.trials.tunables import Tunable


def check_trials(trials: Sequence[FrozenTrial], tunables: Sequence[Tunable], steps: int) -> None:
    """Checks that a `Study` can continue from trials.

    Args:
      trials: The trials, in order.
      tunables: The `Tunable`s of the study.
      steps: Gradient steps of a whole trial.

    Raises:
      Damaged: If they come from a study with other tunables or other ranges, or from no study.
    """
    expected = make_distributions(tunables)
    for number, trial in enumerate(trials):
        if fault := _find_fault(number, trial, expected, steps):
            raise Damaged(f"trial {trial.number} {fault}.")
    try:
        optuna.create_study(direction="maximize").add_trials(trials)
    except (ValueError, TypeError) as error:  # anything else that Optuna requires of trials
        raise Damaged(f"Optuna does not accept its trials: {error!s:.200}") from error


def _find_fault(number: int, trial: FrozenTrial, expected: Mapping[str, BaseDistribution], steps: int) -> str:
    """Describes what is wrong with a trial; "" if nothing is."""
    scale = trial.user_attrs.get(SCALE)
    if trial.number != number or trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return "is not finished, or not in its place"
    if trial.distributions != expected:
        return "has other parameters than this version tunes"
    for name, distribution in expected.items():
        if not distribution._contains(distribution.to_internal_repr(trial.params[name])):
            return f"has a value of {name} that is not in its range: {trial.params[name]!r:.40}"
    for taken in (trial.user_attrs.get(STEPS), *trial.intermediate_values):
        if type(taken) is not int or not 0 <= taken <= steps:
            return f"must have from 0 to {steps} steps. Received: {taken!r:.40}"
    is_scale = scale is not None and is_number(scale) and scale > 0.0
    if not is_scale and (is_complete(trial) or scale is not None):
        return f"must have a finite scale above 0. Received: {scale!r:.40}"
    values = [*(trial.values if is_complete(trial) and trial.values else []), *trial.intermediate_values.values()]
    if is_complete(trial) and len(trial.values or ()) != 1:
        return "trained to its end, but has no reward"
    wrong = [value for value in values if not (is_number(value) and is_reward(value))]
    return f"must have rewards from 0 to 1. Received: {wrong[0]!r:.40}" if wrong else ""
