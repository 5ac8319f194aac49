"""The search for a setting: Optuna proposes, the objective trains, and unpromising trials end early."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.trials.first_trials import FirstTrials, choose_seed
from neural_optimizer_search.trials.objective import AnyObjective
from neural_optimizer_search.trials.setting import Setting, make_setting, set_constants
from neural_optimizer_search.trials.tunables import Scale, Tunable, find_own_values, is_own

TRIALS_FOR_IMPORTANCES = 30  # minimum number of free, complete trials; three of them are the best tenth
STEPS, SCALE = "steps", "scale"  # user attributes of a trial: its steps and the scale of its updates


class Study:
    """Trials of one rule. The next trial depends only on those before it and on the seed.

    Args:
      objective: The object that trains, such as an `Objective`.
      rule: The `Rule`.
      tunables: Its `Tunable`s.
      first: The `FirstTrials`.
      seed: Seed of the proposals.
      trials: Existing trials, from `trials` of a study with the same arguments.
    """

    def __init__(
        self,
        objective: AnyObjective,
        rule: Rule,
        tunables: Sequence[Tunable],
        first: FirstTrials,
        seed: int,
        trials: Sequence[FrozenTrial] = (),
    ):
        quiet_optuna()
        self._objective, self._rule, self._tunables, self._seed = objective, rule, tunables, seed
        self._rates, self._others = first.rates, first.schedules
        self._fixed, self._first = first.fixed, first.fixed + first.random
        # The first third of a run says little about its end if schedules differ.
        pruner = optuna.pruners.MedianPruner(n_startup_trials=self._first, n_warmup_steps=objective.steps // 3)
        self._study = optuna.create_study(direction="maximize", pruner=pruner)
        self._study.add_trials(trials)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials, in order; each is finished."""
        return self._study.get_trials(deepcopy=False)

    @property
    def free_trials(self) -> list[FrozenTrial]:
        """The trials in which the sampler chose everything."""
        return self.trials[self._fixed :]

    @property
    def steps(self) -> int:
        """Gradient steps of all trials."""
        return count_steps(self.trials)

    def run_trial(self) -> FrozenTrial:
        """Runs one more trial."""
        number = len(self.trials)
        self._study.sampler = self._make_sampler(number)
        trial = self._study.ask(make_distributions(self._tunables))
        scale = self._objective.find_scale(self._find_rule(self._read_values(trial)))
        trial.set_user_attr(STEPS, self._objective.probe_steps)
        if scale is None:
            trial.report(0.0, 0)
            return self._study.tell(trial, state=TrialState.PRUNED)
        trial.set_user_attr(SCALE, scale)
        return self._train(trial, choose_seed(self._objective.seeds, number, self._fixed))

    def _train(self, trial, seed):
        setting = self.find_setting(trial)
        for progress in self._objective.train(setting, seed):
            trial.set_user_attr(STEPS, self._objective.probe_steps + progress.steps)
            trial.report(progress.value, progress.steps)
            is_over = progress.steps == self._objective.steps
            if not progress.finite or (not is_over and trial.should_prune()):
                return self._study.tell(trial, state=TrialState.PRUNED)
        return self._study.tell(trial, progress.value)

    def find_setting(self, trial: Any) -> Setting:
        """The setting of a trial; a trial whose update was not finite at the initial weights has none."""
        values = self._read_values(trial)
        return make_setting(self._find_rule(values), values, trial.user_attrs[SCALE])

    def is_own(self, trial: FrozenTrial) -> bool:
        """Whether a trial tried the rule as it was given, with its own schedule and weight decay, at some rate."""
        return is_own(self._tunables, self._read_values(trial))

    def find_values(self, trial: FrozenTrial) -> dict[str, Any]:
        """The values that a complete trial tried, by the names of the tunables."""
        setting = self.find_setting(trial)
        return {**self._read_values(trial), "rate": setting.learning_rate, "weight decay": setting.weight_decay}

    def _read_values(self, trial):
        return {one.name: one.read(trial.params[one.name]) for one in self._tunables}

    def _find_rule(self, values):
        return set_constants(self._rule, values)

    def _make_sampler(self, number):
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=self._first)
        values = self._find_first_values(number)
        if not values:
            return sampler
        fixed = {one.name: one.write(values[one.name]) for one in self._tunables}
        return make_sampler(optuna.samplers.PartialFixedSampler, fixed, sampler)

    def _find_first_values(self, number):
        """The values of a fixed trial; {} for the others.

        The rule is tried as it was given at each rate, then with the other schedules at multiples of the best rate.
        Otherwise a few random trials would decide between the schedules, whose best rates differ.
        """
        if number < len(self._rates):
            return find_own_values(self._tunables, self._rates[number])
        if number >= self._fixed:
            return {}
        rewards = [find_value(trial) for trial in self.trials[: len(self._rates)]]
        schedule, times = self._others[number - len(self._rates)]
        rate = min(times * self._rates[rewards.index(max(rewards))], _find_highest_rate(self._tunables))
        own = find_own_values(self._tunables, rate)
        return {**own, "schedule": schedule}


def quiet_optuna() -> None:
    """Silences Optuna's messages below the level of warnings."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def make_sampler(kind: Callable[..., BaseSampler], *arguments: Any, **named: Any) -> BaseSampler:
    """Makes an Optuna sampler without warnings about experimental arguments: our versions of Optuna are pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return kind(*arguments, **named)


def count_steps(trials: Sequence[FrozenTrial]) -> int:
    """The total gradient steps of trials."""
    return sum(trial.user_attrs[STEPS] for trial in trials)


def is_complete(trial: FrozenTrial) -> bool:
    """Whether a trial trained to its end."""
    return trial.state == TrialState.COMPLETE


def find_value(trial: FrozenTrial) -> float:
    """The reward of a trial at its end; 0 if it did not reach it."""
    return trial.value if is_complete(trial) and trial.value is not None else 0.0


def find_importances(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Computes how much each tunable decides whether a trial is among the best tenth, as shares that sum to 1.

    Args:
      trials: Trials in which the sampler chose everything: values fixed in the first trials would count as good.

    Returns:
      A share for each tunable that varied among the complete trials; empty if these are too few.

    Source: Watanabe, Bansal and Hutter (2023), arXiv:2304.10255 (PED-ANOVA), as implemented in Optuna.
    """
    complete = [trial for trial in trials if is_complete(trial)]
    if len(complete) < TRIALS_FOR_IMPORTANCES:
        return {}
    varied = [name for name in complete[0].params if len({trial.params[name] for trial in complete}) > 1]
    study = optuna.create_study(direction="maximize")
    study.add_trials(complete)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.importance.get_param_importances(study, params=varied)


# -- Tunables as Optuna's distributions ------------------------------------------------------------


def make_distributions(tunables: Sequence[Tunable]) -> dict[str, BaseDistribution]:
    """The distributions from which Optuna samples tunables, by name."""
    return {one.name: _make_distribution(one) for one in tunables}


def _make_distribution(tunable):
    if isinstance(tunable.scale, tuple):
        return CategoricalDistribution(tunable.scale)
    return FloatDistribution(tunable.scale.low, tunable.scale.high, log=tunable.scale.is_log)


def _find_highest_rate(tunables):
    (scale,) = (one.scale for one in tunables if one.name == "rate")
    assert isinstance(scale, Scale)
    return scale.high
