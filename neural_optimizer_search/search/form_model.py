"""A model of the constants of a form, fitted to its trials: it draws new values where good ones are dense."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.trials.study import make_distribution, make_sampler, quiet_optuna
from neural_optimizer_search.trials.tunables import Scale, Tunable

ENOUGH = 10  # trials of a form: Optuna's own default


class FormModel:
    """Optuna's tree-structured Parzen estimator, form by form.

    Source: Bergstra, Bardenet, Bengio and Kegl (2011), "Algorithms for Hyper-Parameter Optimization", section 4.
    """

    def __init__(self) -> None:
        quiet_optuna()
        self._trials: dict[Rule, list[FrozenTrial]] = collections.defaultdict(list)

    def add(self, form: Rule, tunables: Sequence[Tunable], values: Mapping[str, Any], evaluation: Evaluation) -> None:
        """Adds a trial. One that ended early, or diverged, counts as worse than all others."""
        params = {one.name: _write(one, values.get(one.name, one.own)) for one in tunables}
        distributions = {one.name: make_distribution(one) for one in tunables}
        whole = is_whole(evaluation)
        made = create_trial(
            state=TrialState.COMPLETE if whole else TrialState.PRUNED,
            params=params,
            distributions=distributions,
            value=float(np.mean(evaluation.rewards)) if whole else None,
            intermediate_values={} if whole else {1: evaluation.sweep_reward},
        )
        self._trials[form].append(made)

    def suggest(self, form: Rule, tunables: Sequence[Tunable], seed: int) -> Optional[dict[str, Any]]:
        """Values for the next trial of a form; None after too few trials."""
        if len(self._trials[form]) < ENOUGH:
            return None
        how = dict(seed=seed, multivariate=True, n_startup_trials=ENOUGH)
        sampler = make_sampler(optuna.samplers.TPESampler, **how)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(self._trials[form])
        params = study.ask({one.name: make_distribution(one) for one in tunables}).params
        return {one.name: one.read(params[one.name]) for one in tunables}


def _write(tunable, value):
    """The sampler's number for a value; values outside the range are clipped to it."""
    scale, written = tunable.scale, tunable.write(value)
    return min(max(written, scale.low), scale.high) if isinstance(scale, Scale) else written


def is_whole(evaluation):
    """Whether the first training reached its end; on several tasks, whether it was trained on all.

    A training that ended early only has its reward up to that point.
    """
    if evaluation.parts:
        return evaluation.status == "ok"
    ended_early = evaluation.status == "stopped" and evaluation.rewards == (evaluation.sweep_reward,)
    return evaluation.status in ("ok", "stopped") and not ended_early
