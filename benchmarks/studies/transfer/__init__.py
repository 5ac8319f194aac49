"""Does a rule that one search found on four small models do well on other models with the same setting?

`nos-search --algorithm settings` looks for one rule, with one rate, schedule and weight decay, for the four models of
`tasks`. Its best rule trains the papers' experiments with exactly that setting, while AdamW's rate, schedule and
weight decay are tuned on each of them. Both are trained with fresh seeds and measured on test data.

    python -m benchmarks.run transfer --data_dir DATA --workers 2

A stopped search resumes, and no training is repeated.
"""

import contextlib
import dataclasses
import functools
import itertools
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from benchmarks.experiments import find_setting, load_experiment
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.searches import run_search
from benchmarks.studies.common.shared_flags import own_data_flag, runs_flag
from benchmarks.studies.own_models.report import judge
from benchmarks.studies.own_models.statistics import find_improvement
from benchmarks.studies.own_tasks import VARIABLE, set_data_directory
from benchmarks.studies.transfer.tasks import NAMES as TASKS
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
from neural_optimizer_search.search.config import MUONS
from neural_optimizer_search.search.known_optimizers import THE_FIVE
from neural_optimizer_search.search.ranking import read_ranking

TITLE = "does a rule that one search found do well on other models with the same setting?"
RULE, ADAMW = "rule", "adamw"
EXPERIMENTS = ("rosenbrock", "cifar_convnet", "cifar_wrn", "imagenet", "nmt", "lm")  # one for each model
SCHEDULES, WEIGHT_DECAYS = ("constant", "cosine"), (0.0, 0.1)  # tuned for AdamW, besides the rate


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    trials: int = flag(3000, "trials of the search", parse=whole_number(20, 10_000_000))
    seed: int = flag(0, "seed of the search", parse=whole_number(0))
    experiments: Sequence[str] = flag(
        EXPERIMENTS, "experiments to try the rule on", choices=EXPERIMENTS, nargs="+", metavar="NAME"
    )
    scale: str = flag("small", "scale of the experiments", choices=SCALES)
    seeds: int = flag(5, "fresh trainings of the rule and of AdamW on each experiment", parse=whole_number(2, 1_000))
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


def run(config: Config) -> dict[str, Any]:
    """Searches, and makes the missing trainings; returns the experiments on which the rule is better or worse."""
    settings = {name: find_setting(name, config.scale) for name in config.experiments}
    set_data_directory(config.data_dir)
    kept = Kept(config.runs / "found.jsonl")
    found = Found(
        **kept.get(dict(tasks=TASKS, trials=config.trials, seed=config.seed), lambda: search(config)._asdict())
    )
    contender = _make_contender(found)
    print(f"\nOn all experiments: {contender}, learning rate {found.learning_rate:g}\n")
    rows = {name: _try(name, setting, contender, found, config) for name, setting in settings.items()}
    _print(rows)
    better, worse, _ = judge({name: row["probability"] for name, row in rows.items()})
    return dict(
        found._asdict(),
        better=better,
        worse=worse,
        experiments=rows,
    )


def search(config: Config) -> Found:
    """The best found rule, without known optimizers, by the seeds of the search and the fresh ones together."""
    directory = config.runs / f"search-{config.trials}-{config.seed}"
    given = dict(task=TASKS, algorithm="settings", seed=config.seed, cache="none", baselines=THE_FIVE)
    given.update(start=("archive", *MUONS))
    run_search(directory, given, dict(budget=config.trials, workers=config.workers))
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        ranking = read_ranking(ledger)
    compared = [one for one in ranking.found if one.fresh is not None]
    best = max(compared, key=lambda one: np.mean([*one.evaluation.rewards, *one.fresh.rewards]))
    e, fresh = best.evaluation, {one.name: one.fresh.reward for one in ranking.known if one.fresh}
    assert e.learning_rate is not None
    return Found(e.rule.formula(), e.learning_rate, e.schedule, e.weight_decay, best.fresh.reward, fresh)


def _make_contender(found):
    schedule = parse_schedule(found.schedule)
    return Contender(found.rule, schedule.decay, schedule.warmup, found.weight_decay)


def _try(name, setting, contender, found, config):
    """Makes the missing trainings on an experiment; returns the results of the rule and of tuned AdamW."""
    experiment = load_experiment(name)
    metric, mine = experiment.METRIC, str(contender)
    records = Records(config.runs / f"{name}-{config.scale}.jsonl", setting)
    final = dataclasses.replace(setting.sweep, seeds=config.seeds)
    tuning, fixed = (
        dataclasses.replace(final, seeds=0),
        dataclasses.replace(final, learning_rates=(found.learning_rate,), refine=None),
    )
    tried = itertools.product(SCHEDULES, [0.0], WEIGHT_DECAYS)  # [0.0]: without a warm-up
    adamws = {str(one): one for one in itertools.starmap(functools.partial(Contender, ADAMW), tried)}
    options = functools.partial(experiment.list_options, setting)
    data = config.data_dir or os.environ.get(VARIABLE)
    place = experiment.__name__, setting, data and pathlib.Path(data), "default", config.workers
    total = count_trials(fixed, [mine], options) + count_trials(tuning, list(adamws), options)
    with tqdm(total=total + config.seeds, unit="training", desc=name) as bar, trial_runner(*place) as run_trials:
        measure = measure_trials({mine: contender, **adamws}, records, run_trials, bar)
        compare(fixed, [mine], options, metric, records, measure)
        compare(tuning, list(adamws), options, metric, records, measure)
        best = max(adamws, key=lambda one: max(merit(r, metric) for r in find_choice(records, one, metric).tuned))
        compare(final, [best], options, metric, records, measure)
    both = (find_choice(records, one, metric) for one in (mine, best))
    return dict(describe(metric, *both), trials=sum(len(find_choice(records, a, metric).tuned) for a in adamws))


def describe(metric: Metric, rule: Choice, adamw: Choice) -> dict[str, Any]:
    """The results of final trainings on an experiment: on test data, or their last values if there are none."""
    key = "test" if any("test" in record for record in (*rule.final, *adamw.final)) else "final"
    own, other = ([merit(record, metric, key) for record in choice.final] for choice in (rule, adamw))
    shown = {name: [record.get(key) for record in choice.final] for name, choice in ((RULE, rule), (ADAMW, adamw))}
    return dict(
        metric=metric.name.replace("validation", key),
        probability=find_improvement(own, other),
        **shown,
        tuned=f"{adamw.best.contender}, learning rate {adamw.best.learning_rate:.3g}",
    )


def _print(rows):
    print(f"{'':15s}{'':22s}{'the rule':>24s}{'tuned AdamW':>24s}{'P(rule better)':>16s}  AdamW's setting")
    for name, row in rows.items():
        both = "".join(f"{_write(row[one]):>24s}" for one in (RULE, ADAMW))
        print(f"{name:15s}{row['metric']:22s}{both}{row['probability']:16.2f}  {row['tuned']}")


def _write(values):
    sound = [value for value in values if value is not None]
    diverged = f", {len(values) - len(sound)} diverged" if len(sound) < len(values) else ""
    return f"{np.mean(sound):.4g} ± {np.std(sound, ddof=1):.2g}{diverged}" if len(sound) > 1 else "diverged"
