"""Does a rule that one search found on four small models do well on other models with the same setting?

`nos-search --algorithm settings` looks for one rule, with one rate, schedule and weight decay, for the four models of
`tasks`. Its best rule trains the papers' experiments with exactly that setting, while the rate, schedule and weight
decay of AdamW and Muon are tuned on each of them. All are trained with fresh seeds and measured on test data.

    python -m benchmarks.run transfer --data_dir DATA --workers 2

A stopped search resumes, and no training is repeated.
"""

import contextlib
import dataclasses
import functools
import itertools
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from benchmarks.experiments import find_setting, load_experiment
from benchmarks.studies import StudyFailed
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.searches import run_search
from benchmarks.studies.common.shared_flags import own_data_flag, runs_flag
from benchmarks.studies.own_models.report import judge
from benchmarks.studies.own_models.statistics import find_improvement
from benchmarks.studies.own_tasks import VARIABLE, set_data_directory
from benchmarks.studies.transfer.tasks import NAMES as TASKS
from benchmarks.studies.transfer.tasks import TRAIN_PHOTOS, VALIDATION_PHOTOS, load_tasks
from benchmarks.trials.comparison import Choice, compare, count_trials, find_choice, merit
from benchmarks.trials.contenders import Contender
from benchmarks.trials.execution import measure_trials, trial_runner
from benchmarks.trials.experiment import SCALES
from benchmarks.trials.records import Records
from benchmarks.trials.trials import Metric
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.archive import MUONS
from neural_optimizer_search.search.known_optimizers import THE_FIVE
from neural_optimizer_search.search.ranking import read_ranking

TITLE = "does a rule that one search found do well on other models with the same setting?"
RULE = "rule"
# Name -> the forms among which the tuning chooses, besides the rate, the schedule and the weight decay. Muon also
# with a tenth of the rate for vectors, which suits most networks better than one rate for all.
TUNED = {
    "AdamW": ("adamw",),
    "Muon": ("muon", "on_matrices(orthogonalize(g + 19 * ema_0.95), 0.1 * Adam), beta_2=0.95, epsilon=1e-10"),
}
# Without the archive: its rules were found, or chosen, on data of the experiments.
START = list(MUONS)
EXPERIMENTS = ("rosenbrock", "cifar_convnet", "cifar_wrn", "imagenet", "nmt", "lm")  # one for each model
SCHEDULES, WEIGHT_DECAYS = ("constant", "cosine"), (0.0, 0.1)  # what is tuned besides the rate


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    trials: int = flag(3000, "trials of the search", parse=whole_number(20, 10_000_000))
    seed: int = flag(0, "seed of the search", parse=whole_number(0))
    experiments: Sequence[str] = flag(
        EXPERIMENTS, "experiments to try the rule on", choices=EXPERIMENTS, nargs="+", metavar="NAME"
    )
    scale: str = flag("small", "scale of the experiments", choices=SCALES)
    seeds: int = flag(
        5, "fresh trainings of the rule and of each tuned optimizer on each experiment", parse=whole_number(2, 1_000)
    )
    data_dir: Optional[str] = own_data_flag()
    runs: pathlib.Path = runs_flag("transfer")
    workers: int = flag(1, "processes, each with one thread", parse=whole_number(1, 1_000))


class Found(NamedTuple):
    """The result of a search.

    Attributes:
      rule: A formula, with its constants.
      learning_rate, schedule, weight_decay: The setting with which it was trained on all tasks.
      fresh: Its mean score over the tasks with fresh seeds.
      known: The same score of each known optimizer, by name.
    """

    rule: str
    learning_rate: float
    schedule: str
    weight_decay: float
    fresh: float
    known: dict[str, float]


def read_found(kept: dict[str, Any]) -> Found:
    """Reads a `Found` from its JSON form.

    Raises:
      TypeError: If it has other fields.
      ValueError: If it is no rule, or a number is not finite.
    """
    found = Found(**kept)
    _make_contender(found)
    if not all(map(math.isfinite, (found.learning_rate, found.weight_decay, found.fresh))):
        raise ValueError("its rate, weight decay and reward must be finite")
    return found


def run(config: Config) -> dict[str, Any]:
    """Tunes, searches, trains, and returns on which experiments the found rule is better, and worse."""
    settings = {name: find_setting(name, config.scale) for name in config.experiments}
    set_data_directory(config.data_dir)
    kept = Kept(config.runs / "found.jsonl", read_found)
    data = [TRAIN_PHOTOS, VALIDATION_PHOTOS]
    wanted = dict(tasks=TASKS, photographs=data, start=START, trials=config.trials, seed=config.seed)
    # The tuning takes hours, and so does the search: data that are missing for either must become known before.
    if wanted not in kept:
        load_tasks()
    tuned = {name: _tune(name, setting, config) for name, setting in settings.items()}
    found = kept.get(wanted, lambda: search(config)._asdict())
    contender = _make_contender(found)
    print(f"\nOn all experiments: {contender}, learning rate {found.learning_rate:g}\n")
    rows = {
        name: _try(name, setting, contender, found.learning_rate, tuned[name], config)
        for name, setting in settings.items()
    }
    _print(rows)
    verdicts = {one: judge({name: row[one]["probability"] for name, row in rows.items()}) for one in TUNED}
    better, worse = ({one: verdict[i] for one, verdict in verdicts.items()} for i in (0, 1))
    return dict(found._asdict(), better=better, worse=worse, experiments=rows)


def search(config: Config) -> Found:
    """The best found rule, without known optimizers, by the seeds of the search and the fresh ones together."""
    directory = config.runs / f"search-{config.trials}-{config.seed}"
    given = dict(task=TASKS, algorithm="settings", seed=config.seed, cache="none", baselines=THE_FIVE)
    given.update(start=START)
    run_search(directory, given, dict(budget=config.trials, workers=config.workers))
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        ranking = read_ranking(ledger)
    compared = [one for one in ranking.found if one.fresh is not None]
    if not compared:
        raise StudyFailed(f"the search in {directory} trained no rule to its end; more --trials may help")
    best = max(compared, key=lambda one: np.mean([*one.evaluation.rewards, *one.fresh.rewards]))
    e, fresh = best.evaluation, {one.name: one.fresh.reward for one in ranking.known if one.fresh}
    assert e.learning_rate is not None
    return Found(e.rule.formula(), e.learning_rate, e.schedule, e.weight_decay, best.fresh.reward, fresh)


def _make_contender(found):
    schedule = parse_schedule(found.schedule)
    return Contender(found.rule, schedule.decay, schedule.warmup, found.weight_decay)


def _tune(name, setting, config):
    """Tunes on an experiment, and trains the best with fresh seeds; returns the best contender of each optimizer."""
    metric, sweep = load_experiment(name).METRIC, dataclasses.replace(setting.sweep, seeds=config.seeds)
    tried = {one: _list_contenders(forms) for one, forms in TUNED.items()}
    contenders = {text: one for forms in tried.values() for text, one in forms.items()}
    records = _train(name, setting, dataclasses.replace(sweep, seeds=0), contenders, config)
    best = {
        one: max(forms, key=lambda text: max(merit(r, metric) for r in find_choice(records, text, metric).tuned))
        for one, forms in tried.items()
    }
    _train(name, setting, sweep, {text: contenders[text] for text in best.values()}, config)
    return best


def _try(name, setting, contender, rate, tuned, config):
    """Trains with the rule on an experiment; returns its results and those of the tuned optimizers."""
    metric, mine = load_experiment(name).METRIC, str(contender)
    fixed = dataclasses.replace(setting.sweep, learning_rates=(rate,), refine=(), seeds=config.seeds)
    records = _train(name, setting, fixed, {mine: contender}, config)
    rule = find_choice(records, mine, metric)
    best = {one: find_choice(records, text, metric) for one, text in tuned.items()}
    key = _choose_key([rule, *best.values()])
    compared = {one: describe(metric, key, rule, choice) for one, choice in best.items()}
    for one, forms in TUNED.items():
        compared[one]["trials"] = sum(len(find_choice(records, t, metric).tuned) for t in _list_contenders(forms))
    return dict(metric=metric.name.replace("validation", key), rule=_read_values(rule, key), **compared)


def _train(name, setting, sweep, contenders, config):
    """Makes the missing trainings of a comparison on an experiment; returns the records of all its trainings."""
    experiment = load_experiment(name)
    records = Records(config.runs / f"{name}-{config.scale}.jsonl", setting)
    options = functools.partial(experiment.list_options, setting)
    data = config.data_dir or os.environ.get(VARIABLE)
    place = experiment.__name__, setting, data and pathlib.Path(data), "default", config.workers
    total = count_trials(sweep, list(contenders), options)
    with tqdm(total=total, unit="training", desc=name) as bar, trial_runner(*place) as run:
        measure = measure_trials(contenders, records, run, bar)
        compare(sweep, list(contenders), options, experiment.METRIC, records, measure)
    return records


def _list_contenders(forms):
    """Text -> `Contender`, of all combinations of form, schedule and weight decay, without a warm-up."""
    made = itertools.starmap(Contender, itertools.product(forms, SCHEDULES, [0.0], WEIGHT_DECAYS))
    return {str(one): one for one in made}


def describe(metric: Metric, key: str, rule: Choice, tuned: Choice) -> dict[str, Any]:
    """The final trainings of a tuned optimizer, and the probability that one of the rule ends better."""
    own, other = ([merit(record, metric, key) for record in choice.final] for choice in (rule, tuned))
    return dict(
        values=_read_values(tuned, key),
        probability=find_improvement(own, other),
        setting=f"{tuned.best.contender}, learning rate {tuned.best.learning_rate:.3g}",
    )


def _choose_key(choices):
    """Test data, or the last value where there are none."""
    return "test" if any("test" in record for choice in choices for record in choice.final) else "final"


def _read_values(choice, key):
    return [record.get(key) for record in choice.final]


def _print(rows):
    heads = "".join(f"{f'tuned {name}':>24s}{'P(rule better)':>16s}" for name in TUNED)
    print(f"{'':15s}{'':22s}{'the rule':>24s}{heads}")
    for name, row in rows.items():
        cells = "".join(f"{_write(row[one]['values']):>24s}{row[one]['probability']:16.2f}" for one in TUNED)
        print(f"{name:15s}{row['metric']:22s}{_write(row[RULE]):>24s}{cells}")
    print()
    for name, row in rows.items():
        print(f"{name}: " + "; ".join(row[one]["setting"] for one in TUNED))


def _write(values):
    sound = [value for value in values if value is not None]
    diverged = f", {len(values) - len(sound)} diverged" if len(sound) < len(values) else ""
    return f"{np.mean(sound):.4g} ± {np.std(sound, ddof=1):.2g}{diverged}" if len(sound) > 1 else "diverged"
