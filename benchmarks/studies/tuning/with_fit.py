"""Plain Optuna: a trial compiles the model with AdamW of Keras and fits it; trials that promise little end early.

Space, sampler, pruner and first trials are those of `nos-tune`.
"""

import time
from typing import Any

import optuna

from benchmarks.studies.common.fitting import fit
from benchmarks.studies.stock_optimizers.kinds import Configuration, make_optimizer
from benchmarks.studies.stock_optimizers.random_search import make_training
from benchmarks.studies.tuning.tuned import Tuned
from benchmarks.studies.tuning.with_nos_tune import find_protocol
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tuning.study import RANDOM_TRIALS, make_distribution
from neural_optimizer_search.tuning.tunables import Tunable, find_own_values, find_tunables

ADAM = CATALOGUE["adam"].rule  # with the weight decay that is tuned beside it: AdamW


def tune_by_fit(task: str, trials: int, seed: int) -> Tuned:
    """Tunes AdamW.

    Args:
      task: "module:task", of `own_tasks`.
      trials: Trials.
      seed: Of the tuner. All trainings have the seed 0.
    """
    protocol = find_protocol(task)
    started = time.process_time()
    study = _make_study(protocol, seed)
    tunables = find_tunables(ADAM, protocol)
    steps = []

    def objective(trial):
        configuration = _suggest(trial, tunables)
        trial.set_user_attr("configuration", configuration)

        def report(validation, score):
            steps.append(protocol.validate_every)
            trial.report(score, (validation + 1) * protocol.validate_every)
            if trial.should_prune():
                raise optuna.TrialPruned

        return fit(task, make_optimizer(configuration, protocol.final_steps), 0, report=report).score

    study.optimize(objective, n_trials=trials)
    best, pruned = study.best_trial, len(study.get_trials(states=[optuna.trial.TrialState.PRUNED]))
    seconds = round(time.process_time() - started, 1)
    found = make_training(task, best.user_attrs["configuration"], seed=0)
    return Tuned.of(found, best.value or 0.0, trials=trials, pruned=pruned, steps=sum(steps), seconds=seconds)


def _make_study(protocol: Protocol, seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rates = protocol.learning_rates[::2]
    first = len(rates) + RANDOM_TRIALS
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=first),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=first, n_warmup_steps=protocol.final_steps // 3),
    )
    tunables = find_tunables(ADAM, protocol)
    for rate in rates:
        own = find_own_values(tunables, rate)
        study.enqueue_trial({one.name: _write(one, own[one.name]) for one in tunables})
    return study


def _suggest(trial: optuna.Trial, tunables: tuple[Tunable, ...]) -> Configuration:
    values: dict[str, Any] = {
        one.name: _read(one, trial._suggest(one.name, make_distribution(one))) for one in tunables
    }
    names = {"schedule": "decay", "warm-up": "warmup", "weight decay": "weight_decay"}
    return dict(kind="AdamW", **{names.get(name, name): value for name, value in values.items()})


def _read(tunable, x):
    return x if isinstance(tunable.scale, tuple) else tunable.scale.read(x)


def _write(tunable, value):
    return value if isinstance(tunable.scale, tuple) else tunable.scale.write(value)
