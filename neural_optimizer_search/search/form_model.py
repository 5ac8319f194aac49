"""A model of the constants of a form, fitted to its trials: it draws new values where good ones are dense."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.parents import reached_end
from neural_optimizer_search.search.seed_effects import SeedEffects
from neural_optimizer_search.trials.study import make_distributions, make_sampler, quiet_optuna
from neural_optimizer_search.trials.tunables import Scale, Tunable

ENOUGH = 10  # trials of a form: Optuna's own default


class _Trial(NamedTuple):
    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    evaluation: Evaluation


class FormModel:
    """Optuna's tree-structured Parzen estimator, form by form.

    Args:
      effects: The `SeedEffects`, by which trials with different numbers of seeds are compared.

    Source: Bergstra, Bardenet, Bengio and Kegl (2011), "Algorithms for Hyper-Parameter Optimization", section 4.
    """

    def __init__(self, effects: SeedEffects) -> None:
        quiet_optuna()
        self._effects = effects
        self._trials: dict[Rule, list[_Trial]] = collections.defaultdict(list)

    def add(self, form: Rule, tunables: Sequence[Tunable], values: Mapping[str, Any], evaluation: Evaluation) -> None:
        """Adds a trial. One that ended early, or diverged, counts as worse than all others."""
        params = {one.name: _write(one, values.get(one.name, one.own)) for one in tunables}
        distributions = make_distributions(tunables)
        self._trials[form].append(_Trial(params, distributions, evaluation))

    def suggest(self, form: Rule, tunables: Sequence[Tunable], seed: int) -> Optional[dict[str, Any]]:
        """Values for the next trial of a form; None after too few trials."""
        trials = self._trials.get(form, ())
        if len(trials) < ENOUGH:
            return None
        how = dict(seed=seed, multivariate=True, n_startup_trials=ENOUGH)
        sampler = make_sampler(optuna.samplers.TPESampler, **how)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials([self._freeze(one) for one in trials])
        params = study.ask(make_distributions(tunables)).params
        return {one.name: one.read(params[one.name]) for one in tunables}

    def _freeze(self, one) -> FrozenTrial:
        """A trial for Optuna, with the present estimate of the seeds' effects."""
        is_whole = reached_end(one.evaluation)
        return create_trial(
            state=TrialState.COMPLETE if is_whole else TrialState.PRUNED,
            params=one.params,
            distributions=one.distributions,
            value=self._effects.correct(one.evaluation.rewards) if is_whole else None,
            intermediate_values={} if is_whole else {1: one.evaluation.sweep_reward},
        )


def _write(tunable, value):
    """The sampler's number for a value; values outside the range are clipped to it."""
    scale, written = tunable.scale, tunable.write(value)
    return min(max(written, scale.low), scale.high) if isinstance(scale, Scale) else written
