"""The catalogue's best, tuned with `nos-tune`, against random search over stock optimizers at equal gradient steps.

Half of the steps go to all forms alike; the best two by validation share the rest.
"""

import statistics
from typing import Any

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.means import show_mean
from benchmarks.studies.common.trainings import Train, find_task
from benchmarks.studies.own_tasks import full_name
from benchmarks.studies.stock_optimizers.random_search import make_training, search
from benchmarks.studies.tuning.against_fit import measure_on_test
from benchmarks.studies.tuning.tuned import Tuned
from benchmarks.studies.tuning.with_nos_tune import tune_steps

FINALISTS = 2


def compare_with_stock(config: Any, train: Train, kept: Kept) -> dict[str, Any]:
    """Tunes with both on each task; prints and returns what the winners are worth on test data."""
    print(f"\nGradient steps of {config.budget} trainings; winners with {config.fresh_seeds} fresh seeds on test data\n")
    print(f"{'task':8s} {'tuner':13s} {'seed':>4s} {'steps':>8s} {'validation':>10s}  {'test: metric':>18s}  winner")
    return {name: _compare(name, config, train, kept) for name in config.tasks}


def _compare(name, config, train, kept):
    task = full_name(name)
    rows: dict[str, list] = {"random search": [], "nos-tune": []}
    for seed in range(config.seeds):
        stock = find_stock(task, config.budget, seed, train)
        rows["random search"].append(_measure(name, "random search", seed, stock, config, train))
        best = tune_catalogue(task, config, seed, kept)
        rows["nos-tune"].append(_measure(name, "nos-tune", seed, best, config, train))
    for tuner, several in rows.items():
        means = [statistics.fmean(row["test"]) if None not in row["test"] else None for row in several]
        print(f"{name:8s} {tuner:13s} mean over seeds of the tuner: {show_mean(means)}", flush=True)
    return rows


def find_stock(task: str, budget: int, seed: int, train: Train) -> Tuned:
    """The best of the random search, as what a tuner found."""
    found = search(task, budget, seed, train)
    training = make_training(task, found.configuration, seed=0)
    return Tuned.of(training, found.score, trials=budget, pruned=0, steps=found.steps, seconds=found.seconds)


def tune_catalogue(task: str, config: Any, seed: int, kept: Kept) -> Tuned:
    """The best of several forms."""
    budget = config.budget * find_task(task).protocols["default"].final_steps

    def tune(form, steps):
        of = dict(tuner="nos-tune", task=task, rule=form, steps=steps, seed=seed)
        return Tuned(**kept.get(of, lambda: tune_steps(task, form, steps, seed, config.runs)._asdict()))

    first = {form: tune(form, budget // 2 // len(config.forms)) for form in config.forms}
    best = sorted(first, key=lambda form: -first[form].score)[:FINALISTS]
    longer = [tune(form, first[form].steps + budget // 2 // FINALISTS) for form in best]
    return max([*first.values(), *longer], key=lambda one: one.score)


def _measure(name, tuner, seed, tuned, config, train):
    tested = measure_on_test(name, tuned, config, train)
    decay = f", weight decay {tuned.weight_decay:.3g}" if tuned.weight_decay else ""
    winner = f"{tuned.rule}; rate {tuned.rate:.3g}, {tuned.schedule}{decay}"
    cells = f"{tuned.steps:8d} {tuned.score:10.4f}  {show_mean(tested):>18s}"
    print(f"{name:8s} {tuner:13s} {seed:4d} {cells}  {winner}", flush=True)
    return dict(tuned._asdict(), test=tested)
