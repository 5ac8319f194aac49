"""The arms that tune: Optuna, KerasTuner's Hyperband, and the best of the catalogue."""

import functools
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import optuna

from benchmarks.studies.own_models.pieces import Piece, Winner
from benchmarks.studies.own_models.stock import STOCK, Suggest, suggest_setting
from benchmarks.studies.own_models.trials import Trials
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, PublishedRule
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.trials.first_trials import choose_first_trials, find_own_rates
from neural_optimizer_search.trials.objective import AnyObjective, Progress
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.study import Study, make_sampler, quiet_optuna
from neural_optimizer_search.trials.tunables import find_tunables, round_off

STARTUP_TRIALS = 10  # for the pruner: Optuna's own default for the sampler


def tune_with_optuna(piece: Piece, directory: pathlib.Path, kinds: Sequence[str] = tuple(STOCK)) -> Winner:
    """Optuna's TPE with separate parameters for each kind, and its median pruner."""
    quiet_optuna()
    trials = Trials(piece)
    first = trials.objective.steps // 3  # before that, a run says little about its end
    sampler = make_sampler(optuna.samplers.TPESampler, seed=piece.seed, multivariate=True, group=True)
    pruner = optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=first)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    while trials.has_more:
        trial = study.ask()
        suggest = Suggest(trial.suggest_categorical, functools.partial(trial.suggest_float, log=True))
        setting = suggest_setting(suggest.choose("kind", tuple(kinds)), suggest)
        for progress in trials.train(setting):
            trial.report(progress.value, progress.steps)
            if not progress.finite or trial.should_prune():
                break
        whole = progress.finite and progress.steps == trials.objective.steps
        study.tell(trial, progress.value if whole else None, None if whole else optuna.trial.TrialState.PRUNED)
    return trials.choose_winner(len(study.trials))


def tune_with_hyperband(piece: Piece, directory: pathlib.Path) -> Winner:
    """KerasTuner's Hyperband, whose epochs are the validations; a continued trial counts only its new steps."""
    trials = Trials(piece)
    per_epoch = trials.evaluator.protocol.validate_every
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        oracle = make_oracle(piece, trials.objective.steps // per_epoch, scratch)
        while trials.has_more:
            trial = oracle.create_trial("own_models")
            values = trial.hyperparameters.values
            begun, until = (per_epoch * values[f"tuner/{name}"] for name in ("initial_epoch", "epochs"))
            setting = suggest_setting(values["kind"], Suggest(*[_read_value(values)] * 2))
            for progress in trials.train(setting, begun):
                if progress.steps >= until:
                    break
            oracle.update_trial(trial.trial_id, {"score": progress.value}, step=progress.steps // per_epoch)
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
        count = len(oracle.trials)
    return trials.choose_winner(count)


def make_oracle(piece: Piece, epochs: int, scratch: str) -> Any:
    """KerasTuner's oracle of Hyperband for a piece, which keeps its files in the directory `scratch`."""
    import keras_tuner

    oracle = keras_tuner.oracles.HyperbandOracle(
        keras_tuner.Objective("score", "max"),
        max_epochs=epochs,
        hyperband_iterations=piece.trainings,  # as many as the budget allows
        # KerasTuner adds 1 to its seed with each drawn value, so neighbouring seeds would propose the same settings.
        # It replaces the seed 0 by a random one.
        seed=1_000_000 * (piece.seed + 1),
        hyperparameters=_describe_space(keras_tuner.HyperParameters()),
    )
    oracle._set_project_dir(scratch, "hyperband")
    return oracle


def _read_value(values):
    return lambda name, *_: values[name]


def _describe_space(space):
    """All parameters of each kind, conditional on that kind."""
    space.Choice("kind", list(STOCK))
    for kind in STOCK:
        with space.conditional_scope("kind", [kind]):
            suggest_setting(
                kind, Suggest(functools.partial(_add_choice, space), functools.partial(_add_number, space))
            )
    return space


# KerasTuner gives None for parameters of any kind but the first.


def _add_choice(space, name, values):
    return space.Choice(name, list(values)) or values[-1]


def _add_number(space, name, low, high):
    return space.Float(name, low, high, sampling="log") or low


def tune_catalogue(piece: Piece, directory: pathlib.Path) -> Winner:
    """Trains the rules of the catalogue with their recommended rates, then tunes the best.

    If the budget does not suffice for all rules, those at the end of the catalogue are left out. A rule without a
    usual rate is trained with the rate in the middle of the protocol's, for updates of its size. The best is tuned by
    the `Study` of `nos-tune`, but all trials have the first seed, and finalists are chosen as in the other arms.
    """
    quiet_optuna()
    trials = Trials(piece)
    counted, protocol = Counted(trials), trials.evaluator.protocol
    found = {}
    for name, row in CATALOGUE.items():
        if not trials.has_more:
            break
        setting = recommend_setting(row, counted, find_own_rates(protocol)[0])
        if setting is not None:
            *_, progress = trials.train(setting)
            found[name] = progress.value
    rule = CATALOGUE[max(found, key=lambda name: found[name])].rule
    study = Study(counted, rule, find_tunables(rule, protocol), choose_first_trials(protocol), piece.seed)
    while trials.has_more:
        study.run_trial()
    return trials.choose_winner(len(found) + len(study.trials))


def recommend_setting(row: PublishedRule, objective: AnyObjective, centred_rate: float) -> Optional[Setting]:
    """The setting that the catalogue recommends; None if the row has no rate, and its first updates are not finite.

    Args:
      row: The row of the catalogue.
      objective: Measures the scale of the updates of a rule without a usual rate.
      centred_rate: The rate of such a rule if its updates had the scale 1.
    """
    schedule = parse_schedule(row.schedule or "linear")
    if row.learning_rate is not None:
        return Setting(row.rule, row.learning_rate, schedule, row.weight_decay)
    scale = objective.find_scale(row.rule)
    return None if scale is None else Setting(row.rule, round_off(centred_rate / scale), schedule, row.weight_decay)


class Counted:
    """An `Objective` for a `Study`, whose steps all count in the budget of `Trials`."""

    def __init__(self, trials: Trials):
        self._trials, self._objective = trials, trials.objective
        self.steps, self.probe_steps, self.seeds = trials.objective.steps, trials.objective.probe_steps, (0,)

    def prepare(self, seeds: Sequence[int]) -> None:
        """See `Objective`."""
        self._objective.prepare(seeds)

    def find_scale(self, rule: Rule) -> Optional[float]:
        """See `Objective`."""
        self._trials.steps += self.probe_steps
        return self._objective.find_scale(rule)

    def train(self, setting: Setting, seed: int) -> Iterator[Progress]:
        """Trains with the first seed of the task, whatever `seed` is."""
        return self._trials.train(setting)

    def train_whole(self, setting: Setting, seed: int) -> float:
        """See `Objective`; a `Study` never calls this."""
        return self._objective.train_whole(setting, seed)
