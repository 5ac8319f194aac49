"""The tuner of `nos-tune` in this process; its trials train a child that is traced once."""

import dataclasses
import functools
import statistics
import time
from collections.abc import Iterable, Sequence

from benchmarks.studies.common.trainings import Training, find_task
from benchmarks.studies.tuning.tuned import Tuned
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.search.fresh import choose_seeds
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.first_trials import choose_first_trials
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.study import Study, find_value, is_complete
from neural_optimizer_search.trials.tunables import find_tunables
from neural_optimizer_search.tuning.objective import TaskObjective
from neural_optimizer_search.tuning.plan import REWARD

FIRST_SHARE = 0.45  # of the steps, split evenly among the rules; as many again for the best, the rest for other seeds
RULES_THAT_GO_ON = 2
BEST, MORE_SEEDS = 5, 0.1  # settings trained with other seeds, and the share of the steps for them


def tune_trials(task: str, name: str, trials: int, seed: int) -> Tuned:
    """Tunes one rule of the catalogue with a number of trials and uncentred rates.

    Args:
      task: "module:task".
      name: Name of the rule.
      trials: Number of trials.
      seed: Seed of the tuner. Trials take the protocol's seeds: the first ones its first seed, then all in turn.
    """
    started = time.process_time()
    protocol = find_protocol(task, centred=False)
    study = _make_study(_find_objective(task, protocol), protocol, name, seed)
    while len(study.trials) < trials:
        study.run_trial()
    seconds = time.process_time() - started
    best = max(study.trials, key=find_value)
    return _describe(task, _find_setting(study, best), find_value(best), [study], study.steps, seconds)


def tune_rules(task: str, names: Sequence[str], budget: int, seed: int) -> Tuned:
    """Tunes several rules of the catalogue together: first all equally, then the best two.

    Args:
      task: "module:task".
      names: Names of the rules.
      budget: Gradient steps of all rules together.
      seed: Seed of the tuner. Trials take the protocol's seeds as in `tune_trials`; the best settings are trained
        with other seeds, and the one with the best mean is the result.
    """
    started = time.process_time()
    protocol = find_protocol(task)
    objective = _find_objective(task, protocol)
    studies = {name: _make_study(objective, protocol, name, seed) for name in names}
    _run_until(FIRST_SHARE * budget / len(names), studies.values())
    go_on = sorted(studies.values(), key=_best_value, reverse=True)[:RULES_THAT_GO_ON]
    _run_until(FIRST_SHARE * (budget / len(names) + budget / len(go_on)), go_on)
    found = [(find_value(trial), trial, study) for study in studies.values() for trial in study.trials]
    best = sorted(found, key=lambda one: -one[0])[:BEST]
    finalists = [_find_setting(study, trial) for _, trial, study in best]
    more = choose_seeds(max(1, int(MORE_SEEDS * budget / BEST / objective.steps)), protocol.seeds)
    values = [[objective.train_whole(setting, one) for one in more] for setting in finalists]
    steps = sum(study.steps for study in studies.values()) + len(finalists) * len(more) * objective.steps
    mean, setting = max(zip(map(statistics.fmean, values), finalists), key=lambda pair: pair[0])
    return _describe(task, setting, mean, list(studies.values()), steps, time.process_time() - started)


def find_protocol(task: str, centred: bool = True) -> Protocol:
    """The protocol for tuning a child of `own_tasks`."""
    return dataclasses.replace(find_task(task).protocols["default"], centred=centred)


@functools.lru_cache(maxsize=4)
def _find_objective(task, protocol):
    """The objective of the traced child."""
    return TaskObjective(find_task(task), protocol, REWARD)


def _make_study(objective, protocol, name, seed):
    rule = CATALOGUE[name].rule
    return Study(objective, rule, find_tunables(rule, protocol), choose_first_trials(protocol), seed)


def _run_until(steps, studies: Iterable[Study]):
    for study in studies:
        while study.steps < steps:
            study.run_trial()


def _find_setting(study, trial) -> Setting:
    setting = study.find_setting(trial)
    assert setting is not None  # the trial ran to its end
    return setting


def _best_value(study):
    return max(map(find_value, study.trials))


def _describe(task, setting: Setting, score, studies: Sequence[Study], steps, seconds):
    trials = [trial for study in studies for trial in study.trials]
    pruned = sum(not is_complete(trial) for trial in trials)
    rule, schedule = setting.rule.formula(), str(setting.schedule)
    found = Training(task, rule, setting.learning_rate, 0, schedule, setting.weight_decay)
    return Tuned.of(found, score, trials=len(trials), pruned=pruned, steps=steps, seconds=round(seconds, 1))
