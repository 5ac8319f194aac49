"""`nos-tune` against plain Optuna over `compile` and `fit`: the same space, tuner, pruner and number of trials."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.means import show_mean
from benchmarks.studies.common.trainings import FRESH_SEED, Train
from benchmarks.studies.own_tasks import full_name
from benchmarks.studies.tuning.tuned import Tuned
from benchmarks.studies.tuning.with_fit import tune_by_fit
from benchmarks.studies.tuning.with_nos_tune import tune_trials

KIND = "AdamW"  # what is tuned
RULE = "adam"  # the same, with the decoupled decay of the measurement


def compare_with_fit(config: Any, train: Train, kept: Kept) -> dict[str, Any]:
    """Tunes with both, in turns; prints and returns trials an hour, and what is found."""
    print(f"\n{config.trials} trials of {KIND} by {config.seeds} tuners; trials in an hour of processor time\n")
    print(f"{'task':8s} {'tuner':9s} {'trials/h':>9s} {'pruned':>7s}  {'validation':>18s}  {'test: metric':>18s}")
    return {name: _compare(name, config, train, kept) for name in config.fit_tasks}


def _compare(name, config, train, kept):
    task = full_name(name)
    tuners = {
        "fit": lambda seed: tune_by_fit(task, KIND, config.trials, seed),
        "nos-tune": lambda seed: tune_trials(task, RULE, config.trials, seed, config.runs),
    }
    found: dict[str, list[Tuned]] = {tuner: [] for tuner in tuners}
    for seed in range(config.seeds):
        for tuner, tune in tuners.items():
            of = dict(tuner=tuner, task=task, trials=config.trials, seed=seed)
            found[tuner].append(Tuned(**kept.get(of, lambda tune=tune, seed=seed: tune(seed)._asdict())))
    rows = {tuner: _summarize(name, tuner, several, config, train) for tuner, several in found.items()}
    ratio = rows["nos-tune"]["trials_an_hour"] / rows["fit"]["trials_an_hour"]
    print(f"{name:8s} {ratio:.2f} times as many trials an hour", flush=True)
    return dict(rows, ratio=ratio)


def _summarize(name, tuner, found, config, train):
    hourly = 3600 * sum(one.trials for one in found) / sum(one.seconds for one in found)
    scores, tested = [one.score for one in found], [measure_on_test(name, one, config, train) for one in found]
    means = [statistics.fmean(several) if None not in several else None for several in tested]
    pruned = f"{statistics.fmean(one.pruned / one.trials for one in found):.0%}"
    cells = f"{hourly:9.0f} {pruned:>7s}  {show_mean(scores):>18s}  {show_mean(means):>18s}"
    print(f"{name:8s} {tuner:9s} {cells}", flush=True)
    return dict(trials_an_hour=hourly, found=[one._asdict() for one in found], validation=scores, test=tested)


def measure_on_test(name: str, tuned: Any, config: Any, train: Train) -> Sequence[Any]:
    """The metric on the test data of trainings with fresh seeds; None of one that diverged."""
    seeds = range(FRESH_SEED, FRESH_SEED + config.fresh_seeds)
    return [one.metric for one in train([tuned.training(full_name(name), seed, on_test=True) for seed in seeds])]
