"""Plain Optuna: each trial compiles the model with Keras's AdamW and fits it; unpromising trials are pruned.

Space, sampler and pruner are those of `nos-tune`. The first trials use Adam's own constants at all rates of the
protocol; `nos-tune` then also tries the other schedules, and so begins later with random trials and with more seeds.
"""

import functools
import time

import optuna

from benchmarks.studies.common.fitting import fit
from benchmarks.studies.stock_optimizers.kinds import Configuration, make_optimizer
from benchmarks.studies.stock_optimizers.random_search import make_training
from benchmarks.studies.tuning.tuned import Tuned
from benchmarks.studies.tuning.with_nos_tune import find_protocol
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.first_trials import RANDOM_TRIALS, choose_seed, find_own_rates
from neural_optimizer_search.trials.study import make_distributions, quiet_optuna
from neural_optimizer_search.trials.tunables import Tunable, find_own_values, find_tunables

ADAM = CATALOGUE["adam"].rule  # AdamW, because weight decay is tuned as well


def tune_by_fit(task: str, trials: int, seed: int) -> Tuned:
    """Tunes AdamW.

    Args:
      task: "module:task", of `own_tasks`.
      trials: Number of trials.
      seed: Seed of the tuner. Trials take the protocol's seeds as in `nos-tune`.
    """
    started = time.process_time()
    protocol = find_protocol(task, centred=False)
    study, tunables = _make_study(protocol, seed), find_tunables(ADAM, protocol)
    steps, fixed = 0, len(find_own_rates(protocol))
    for number in range(trials):
        one = choose_seed(protocol.seeds, number, fixed)
        trial = study.ask(make_distributions(tunables))
        configuration = _read_configuration(trial, tunables)
        trial.set_user_attr("configuration", configuration)
        optimizer = make_optimizer(configuration, protocol.final_steps)
        try:
            study.tell(trial, fit(task, optimizer, one, report=functools.partial(_report, trial, protocol)).score)
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        steps += study.trials[trial.number].last_step or 0
    best, pruned = study.best_trial, len(study.get_trials(states=[optuna.trial.TrialState.PRUNED]))
    seconds = round(time.process_time() - started, 1)
    found = make_training(task, best.user_attrs["configuration"], seed=0)
    return Tuned.of(found, best.value or 0.0, trials=trials, pruned=pruned, steps=steps, seconds=seconds)


def _report(trial, protocol, validation, score):
    trial.report(score, (validation + 1) * protocol.validate_every)
    if trial.should_prune():
        raise optuna.TrialPruned


def _make_study(protocol: Protocol, seed: int) -> optuna.Study:
    quiet_optuna()
    rates = find_own_rates(protocol)
    first = len(rates) + RANDOM_TRIALS
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=first),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=first, n_warmup_steps=protocol.final_steps // 3),
    )
    tunables = find_tunables(ADAM, protocol)
    for rate in rates:
        own = find_own_values(tunables, rate)
        study.enqueue_trial({one.name: one.write(own[one.name]) for one in tunables})
    return study


def _read_configuration(trial: optuna.Trial, tunables: tuple[Tunable, ...]) -> Configuration:
    names = {"schedule": "decay", "warm-up": "warmup", "weight decay": "weight_decay"}
    values = {names.get(one.name, one.name): one.read(trial.params[one.name]) for one in tunables}
    return dict(kind="AdamW", **values)
