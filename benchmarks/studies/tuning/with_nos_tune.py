"""The tuner of `nos-tune`, in this process: its trials are trainings of a child that is traced once."""

import dataclasses
import functools
import time
from collections.abc import Iterable, Sequence

from benchmarks.studies.common.trainings import Training, find_task
from benchmarks.studies.tuning.tuned import Tuned
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tuning.objective import Objective
from neural_optimizer_search.tuning.setting import Setting
from neural_optimizer_search.tuning.study import Study, is_complete
from neural_optimizer_search.tuning.tunables import find_tunables

REWARD = "end_accuracy"  # the mean score of the last third
FIRST_SHARE = 0.45  # of the steps: for all rules alike; as much again for the best, the rest for more seeds
RULES_THAT_GO_ON = 2
BEST, MORE_SEEDS = 5, 0.1  # settings that get more seeds, and the share of the steps that these take


def tune_trials(task: str, name: str, trials: int, seed: int) -> Tuned:
    """Tunes one rule of the catalogue by a number of trials, at rates as they are.

    Args:
      task: "module:task".
      name: The rule's.
      trials: Trials.
      seed: Of the tuner. All trainings have the seed 0.
    """
    started = time.process_time()
    objective = find_objective(task)
    study = make_study(objective, find_protocol(task), CATALOGUE[name].rule, seed)
    while len(study.trials) < trials:
        study.run_trial()
    seconds = round(time.process_time() - started, 1)
    best = max(filter(is_complete, study.trials), key=lambda trial: trial.value)
    return _describe(task, study.find_setting(best), best.value, [study], study.steps, seconds)


def tune_rules(task: str, names: Sequence[str], budget: int, seed: int) -> Tuned:
    """Tunes several rules of the catalogue together: first all alike, then the best two.

    Args:
      task: "module:task".
      names: The rules'.
      budget: Gradient steps of all together.
      seed: Of the tuner. Trials have the seed 0; the best settings get those after it too, and what is best in the
        mean is what is found.
    """
    started = time.process_time()
    objective = find_objective(task)
    studies = {name: make_study(objective, find_protocol(task), CATALOGUE[name].rule, seed) for name in names}
    _run_until(FIRST_SHARE * budget / len(names), studies.values())
    best = sorted(studies, key=lambda name: -_best_value(studies[name]))[:RULES_THAT_GO_ON]
    _run_until(FIRST_SHARE * (budget / len(names) + budget / len(best)), (studies[name] for name in best))
    trials = [(trial, study) for study in studies.values() for trial in study.trials if is_complete(trial)]
    finalists = sorted(trials, key=lambda pair: -pair[0].value)[:BEST]
    more = max(1, int(MORE_SEEDS * budget / BEST / objective.steps))
    settings = [study.find_setting(trial) for trial, study in finalists]
    means = [
        (trial.value + sum(objective.train_whole(setting, s) for s in range(1, 1 + more))) / (1 + more)
        for (trial, _), setting in zip(finalists, settings)
    ]
    steps = sum(study.steps for study in studies.values()) + len(settings) * more * objective.steps
    mean, setting = max(zip(means, settings), key=lambda pair: pair[0])
    return _describe(task, setting, mean, list(studies.values()), steps, round(time.process_time() - started, 1))


def find_protocol(task: str) -> Protocol:
    """How a child of `own_tasks` is tuned: at learning rates as they are."""
    return dataclasses.replace(find_task(task).protocols["default"], centred=False)


@functools.lru_cache(maxsize=3)
def find_objective(task: str) -> Objective:
    """The traced child."""
    return Objective(find_task(task), find_protocol(task), REWARD)


def make_study(objective: Objective, protocol: Protocol, rule: Rule, seed: int) -> Study:
    """A study without trials."""
    return Study(objective, rule, find_tunables(rule, protocol), protocol.learning_rates[::2], seed)


def _run_until(steps, studies: Iterable[Study]):
    for study in studies:
        while study.steps < steps:
            study.run_trial()


def _best_value(study):
    return max((trial.value for trial in study.trials if is_complete(trial)), default=0.0)


def _describe(task, setting: Setting, score, studies: Sequence[Study], steps, seconds):
    trials = [trial for study in studies for trial in study.trials]
    pruned = sum(not is_complete(trial) for trial in trials)
    rule, schedule = setting.rule.formula(), str(setting.schedule)
    found = Training(task, rule, setting.learning_rate, 0, schedule, setting.weight_decay)
    return Tuned.of(found, score, trials=len(trials), pruned=pruned, steps=steps, seconds=seconds)
