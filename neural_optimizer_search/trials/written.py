"""Trials as plain values, which can be written to JSON, a ledger or a pipe."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.trials.check_trials import check_trials
from neural_optimizer_search.trials.study import SCALE, STEPS, is_complete, make_distributions, quiet_optuna
from neural_optimizer_search.trials.tunables import Tunable

# A trial: its parameters by name; its reward, None if it ended early; the (step, reward) pairs of its course; its
# number of steps; and the scale of its updates, None if that was not finite.
Written = Mapping[str, Any]


def write_trial(trial: FrozenTrial) -> dict[str, Any]:
    """A finished trial of a `Study` as plain values."""
    return dict(
        params=dict(trial.params),
        value=trial.value if is_complete(trial) else None,
        course=[[step, value] for step, value in sorted(trial.intermediate_values.items())],
        steps=trial.user_attrs[STEPS],
        scale=trial.user_attrs.get(SCALE),
    )


def read_trials(written: Sequence[Written], tunables: Sequence[Tunable], steps: int) -> list[FrozenTrial]:
    """The inverse of `write_trial`.

    Args:
      written: Trials, in order.
      tunables: The `Tunable`s of the study.
      steps: Maximum number of gradient steps of a trial.

    Raises:
      Damaged: If a study of these tunables cannot have such trials.
    """
    quiet_optuna()
    distributions = make_distributions(tunables)
    try:
        trials = [_read_trial(one, distributions) for one in written]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Damaged(f"a trial is invalid: {type(error).__name__}: {error!s:.100}") from error
    for number, trial in enumerate(trials):
        trial.number = number
    check_trials(trials, tunables, steps)
    return trials


def _read_trial(written, distributions):
    scale = {} if written["scale"] is None else {SCALE: written["scale"]}
    return create_trial(
        state=TrialState.PRUNED if written["value"] is None else TrialState.COMPLETE,
        value=written["value"],
        params=dict(written["params"]),
        distributions=distributions,
        user_attrs={STEPS: written["steps"], **scale},
        intermediate_values={step: value for step, value in written["course"]},
    )
