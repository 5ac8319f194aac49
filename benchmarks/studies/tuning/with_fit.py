"""Plain Optuna: a trial compiles the model with an optimizer of Keras and fits it; bad trials are pruned."""

import time

import optuna

from benchmarks.studies.common.fitting import fit
from benchmarks.studies.common.trainings import find_task
from benchmarks.studies.stock_optimizers.kinds import Configuration, Number, make_optimizer, parameters
from benchmarks.studies.stock_optimizers.random_search import make_training
from benchmarks.studies.tuning.tuned import Tuned


def tune_by_fit(task: str, kind: str, trials: int, seed: int) -> Tuned:
    """Tunes one of Keras's optimizers.

    Args:
      task: "module:task", of `own_tasks`.
      kind: A key of `KINDS`.
      trials: Trials.
      seed: Of the tuner. All trainings have the seed 0.
    """
    protocol = find_task(task).protocols["default"]
    steps = 0

    def objective(trial):
        nonlocal steps
        configuration = suggest(trial, kind)

        def report(validation, score):
            nonlocal steps
            steps += protocol.validate_every
            trial.report(score, validation)
            if trial.should_prune():
                raise optuna.TrialPruned

        trial.set_user_attr("configuration", configuration)
        return fit(task, make_optimizer(configuration, protocol.final_steps), 0, report=report).score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    started = time.process_time()
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner()
    )
    study.optimize(objective, n_trials=trials)
    seconds = round(time.process_time() - started, 1)
    best, pruned = study.best_trial, len(study.get_trials(states=[optuna.trial.TrialState.PRUNED]))
    found = make_training(task, best.user_attrs["configuration"], seed=0)
    return Tuned.of(found, best.value or 0.0, trials=trials, pruned=pruned, steps=steps, seconds=seconds)


def suggest(trial: optuna.Trial, kind: str) -> Configuration:
    """A configuration of the kind; decay rates β by 1 - β on a logarithmic scale."""
    configuration: Configuration = dict(kind=kind)
    for name, one in parameters(kind).items():
        if not isinstance(one, Number):
            configuration[name] = trial.suggest_categorical(name, sorted(set(one.values)))
        elif one.complement:
            configuration[name] = 1.0 - trial.suggest_float(f"1 - {name}", one.low, one.high, log=True)
        else:
            configuration[name] = trial.suggest_float(name, one.low, one.high, log=True)
    return configuration
