"""How well do Keras's own optimizers train when all their settings are tuned?

Random search with refinement chooses the kind, rate, decay rates, ε, weight decay and schedule by validation data. It
trains children with the rules that equal these optimizers. At equal steps, they reach the same results as `fit`, as
the column "fit" shows. The winner of each search is trained with fresh seeds and measured once on test data.

    python -m benchmarks.run stock_optimizers --data_dir DATA --workers 2
    python -m benchmarks.run stock_optimizers --data_dir DATA --tasks table --budget 30 --searches 1 --fresh_seeds 3
"""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies.common.fitting import fit
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.means import show_mean
from benchmarks.studies.common.shared_flags import own_data_flag, own_tasks_flag, runs_flag
from benchmarks.studies.common.trainings import FRESH_SEED, find_task, trainings
from benchmarks.studies.own_tasks import full_name, set_data_directory
from benchmarks.studies.stock_optimizers.kinds import describe, make_optimizer
from benchmarks.studies.stock_optimizers.random_search import make_training, search
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag

TITLE = "how well do stock optimizers train when all their settings are tuned?"


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = own_tasks_flag()
    searches: int = flag(3, "searches for each task, with seeds from 0", parse=whole_number(1, 1_000))
    budget: int = flag(500, "gradient steps of a search, in trainings", parse=whole_number(2, 1_000_000))
    fresh_seeds: int = flag(10, "trainings of each winner, and as many fits", parse=whole_number(2, 1_000))
    workers: int = flag(1, "trainings at once, each a process with one thread", parse=whole_number(1, 1_000))
    data_dir: Optional[str] = own_data_flag()
    runs: pathlib.Path = runs_flag("own_tasks")


def run(config: Config) -> dict[str, Any]:
    """Searches on each task; returns the winners and their results."""
    set_data_directory(config.data_dir)
    figures = {}
    fitted = Kept(config.runs / "fits.jsonl")
    with trainings(config.runs / "trainings.jsonl", config.workers) as train:
        print(f"{'task':8s} {'search':>6s} {'validation':>10s}  {'test: metric':>18s}  {'fit':>18s}  winner")
        for name in config.tasks:
            figures[name] = [_search(full_name(name), seed, config, train, fitted) for seed in range(config.searches)]
    return dict(budget=config.budget, fresh_seeds=config.fresh_seeds, tasks=figures)


def _search(task, seed, config, train, fitted):
    steps = find_task(task).protocols["default"].final_steps
    found = search(task, config.budget, steps, seed, train)
    fresh = range(FRESH_SEED, FRESH_SEED + config.fresh_seeds)
    tested = [one.metric for one in train([make_training(task, found.configuration, s, on_test=True) for s in fresh])]

    def measure(fresh_seed):
        return fit(task, make_optimizer(found.configuration, steps), fresh_seed, on_test=True).metric

    fits = [
        fitted.get(dict(task=task, configuration=found.configuration, seed=s), lambda s=s: measure(s)) for s in fresh
    ]
    name, shown = task.rpartition(".")[2].partition(":")[0], describe(found.configuration)
    cells = f"{show_mean(tested):>18s}  {show_mean(fits):>18s}"
    print(f"{name:8s} {seed:6d} {found.score:10.4f}  {cells}  {shown}", flush=True)
    return dict(found._asdict(), test=tested, fit=fits)
