"""Comparisons of two tuners on a task, by test data and fresh seeds."""

import statistics
from typing import Any

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.means import show_mean
from benchmarks.studies.common.trainings import FRESH_SEED, Train, find_task
from benchmarks.studies.own_tasks import full_name
from benchmarks.studies.stock_optimizers.random_search import make_training, search
from benchmarks.studies.tuning.tuned import Tuned
from benchmarks.studies.tuning.with_fit import tune_by_fit
from benchmarks.studies.tuning.with_nos_tune import tune_rules, tune_trials


def compare_with_fit(config: Any, train: Train, kept: Kept) -> dict[str, Any]:
    """Tunes AdamW with both tuners, in turns; returns trials per hour and the results."""
    tuners = {"fit": tune_by_fit, "nos-tune": lambda task, *arguments: tune_trials(task, "adam", *arguments)}

    def find(tuner, task, seed):
        of = dict(tuner=tuner, task=task, trials=config.trials, seed=seed)
        return kept.get(of, lambda: tuners[tuner](task, config.trials, seed)._asdict())

    print(
        f"\n{config.trials} trials of AdamW by {config.seeds} tuners of each kind; hours of processor time\n{HEADING}"
    )
    figures = {}
    for name in config.fit_tasks:
        rows: dict[str, Any] = _compare(name, list(tuners), find, config, train)
        figures[name] = rows
        rows["ratio"] = rows["nos-tune"]["trials_an_hour"] / rows["fit"]["trials_an_hour"]
        print(f"{name:8s} nos-tune makes {rows['ratio']:.2f} times as many trials an hour", flush=True)
    return figures


def compare_with_stock(config: Any, train: Train, kept: Kept) -> dict[str, Any]:
    """Compares `nos-tune` over the catalogue with random search over stock optimizers, at equal gradient steps."""

    def find(tuner, task, seed):
        whole = find_task(task).protocols["default"].final_steps
        if tuner == "random":
            return find_stock(task, config.budget, whole, seed, train)
        steps = config.budget * whole
        of = dict(tuner=tuner, task=task, rules=list(config.rules), steps=steps, seed=seed)
        return kept.get(of, lambda: tune_rules(task, config.rules, steps, seed)._asdict())

    print(f"\nGradient steps of {config.budget} trainings for each of {config.seeds} tuners of each kind\n{HEADING}")
    return {name: _compare(name, ["random", "nos-tune"], find, config, train) for name in config.tasks}


def find_stock(task: str, budget: int, steps: int, seed: int, train: Train) -> Tuned:
    """The best stock optimizer of a random search; see `search`."""
    found = search(task, budget, steps, seed, train)
    training = make_training(task, found.configuration, seed=0)
    return Tuned.of(training, found.score, trials=found.trainings, pruned=0, steps=found.steps, seconds=found.seconds)


HEADING = (
    f"{'task':8s} {'tuner':8s} {'seed':>4s} {'steps':>7s} {'trials':>6s} {'pruned':>6s} {'trials/h':>8s} "
    f"{'validation':>10s}  {'test: metric':>18s}  found"
)


def _compare(name, tuners, find, config, train):
    found = {tuner: [] for tuner in tuners}
    seeds = range(FRESH_SEED, FRESH_SEED + config.fresh_seeds)
    for seed in range(config.seeds):
        for tuner in tuners:
            one = find(tuner, full_name(name), seed)
            tested = [t.metric for t in train([one.training(full_name(name), s, on_test=True) for s in seeds])]
            found[tuner].append(dict(one._asdict(), test=tested))
            _print(name, tuner, seed, one, tested)
    return {tuner: _summarize(name, tuner, rows) for tuner, rows in found.items()}


def _print(name, tuner, seed, one, tested):
    decay = f", weight decay {one.weight_decay:.3g}" if one.weight_decay else ""
    counts = f"{one.steps:7d} {one.trials:6d} {one.pruned:6d} {3600 * one.trials / one.seconds:8.0f}"
    what = f"{one.rule}; rate {one.rate:.3g}, {one.schedule}{decay}"
    print(f"{name:8s} {tuner:8s} {seed:4d} {counts} {one.score:10.4f}  {show_mean(tested):>18s}  {what}", flush=True)


def _summarize(name, tuner, rows):
    """Prints and returns the figures over the seeds of the tuner."""
    hourly = 3600 * sum(row["trials"] for row in rows) / sum(row["seconds"] for row in rows)
    means = [None if None in row["test"] else statistics.fmean(row["test"]) for row in rows]
    score = show_mean([row["score"] for row in rows])
    print(
        f"{name:8s} {tuner:8s}  all {hourly:.0f} trials an hour, validation {score}, test {show_mean(means)}",
        flush=True,
    )
    return dict(trials_an_hour=hourly, tuners=rows)
