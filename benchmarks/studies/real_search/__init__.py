"""Real searches by several algorithms, and tests of their best rules on data that no search saw.

Each algorithm runs with each seed as `nos-search` would. Then the best rules of each algorithm over its seeds, the
best rule of each search, and the known optimizers are trained with fresh seeds. For found and known rules alike, the
learning rate is chosen among all rates on the validation split with the fresh seeds, and the child is measured once
on the test split.

    python -m benchmarks.run real_search --algorithms ppo random evolution --seeds 5 --budget 300 --depth 2

Stopped searches resume, and finished ones are not repeated.
"""

import csv
import pathlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies.common.curves import plot_searches
from benchmarks.studies.common.shared_flags import (
    data_dir_flag,
    depth_flag,
    find_protocol,
    protocol_flag,
    results_flag,
    space_flag,
    task_flag,
)
from benchmarks.studies.real_search.fresh_seeds import count_better, measure_best_rules
from benchmarks.studies.real_search.searches import Searched, read_search, search_directory, search_with
from neural_optimizer_search.command_line import path, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.search.intervals import find_interval, format_interval
from neural_optimizer_search.search.registry import algorithm_names
from neural_optimizer_search.tasks import TASKS

TITLE = "real searches by several algorithms, and their best rules on data that no search saw"
COUNTS = ("sampled", "screened", "repeated", "diverged")
EARLY = 100  # the searches are also compared after this many trained rules


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    protocol: str = protocol_flag()
    algorithms: Sequence[str] = flag(
        ("ppo", "random", "evolution"),
        "search algorithms",
        choices=algorithm_names,
        nargs="+",
        metavar="NAME",
    )
    seeds: int = flag(5, "searches of each algorithm", parse=whole_number(1, 1_000))
    space: str = space_flag()
    depth: int = depth_flag(2)
    budget: int = flag(300, "rules that each search trains", parse=whole_number(1, 1_000_000))
    top: int = flag(5, "rules of each algorithm to train again", parse=whole_number(1, 100_000))
    fresh_seeds: int = flag(20, "trainings of each of these rules", parse=whole_number(2, 1_000))
    data_dir: Optional[str] = data_dir_flag()
    runs: pathlib.Path = flag(pathlib.Path("runs", "real_search"), "directory of the searches", parse=path)
    results: pathlib.Path = results_flag()


def run(config: Config) -> dict[str, Any]:
    """Runs the searches and tests their best rules; returns the figures of both."""
    find_protocol(TASKS[config.task], config.protocol)  # fails early if the protocol is unknown
    config.results.mkdir(parents=True, exist_ok=True)  # before the work, which would be lost
    found = {name: [] for name in config.algorithms}
    for seed in range(config.seeds):
        for name in config.algorithms:
            search_with(name, seed, config)
            found[name].append(read_search(search_directory(name, seed, config), config.budget))
    write_curves(found, config.results / f"real_search_{config.task}.csv")
    figures = _summarize(found, config)
    tested = measure_best_rules(found, config)
    return dict(figures, test=tested, better=count_better(found, tested))


def write_curves(found: dict[str, list[Searched]], path: pathlib.Path) -> None:
    """Writes a CSV file of the ledgers' counts and the rewards of the trained rules in order."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["algorithm", "seed", *next(iter(found.values()))[0].counts, "rewards"])
        for name, searches in found.items():
            for seed, one in enumerate(searches):
                rewards = " ".join(f"{e.reward:.4f}" for e in one.trained)
                table.writerow([name, seed, *one.counts.values(), rewards])


def _summarize(found: dict[str, list[Searched]], config: Config) -> dict[str, Any]:
    """Prints and plots what the searches found; returns the figures."""
    rewards = {name: [[e.reward for e in one.trained] for one in searches] for name, searches in found.items()}
    marks = sorted({min(config.budget, EARLY), config.budget})
    print(f"\nBest reward by number of trained rules, mean of {config.seeds} searches ± 95 % t-interval\n")
    print(f"{'algorithm':10s}" + "".join(f"{mark:>25d}" for mark in marks) + "   sampled screened repeated diverged")
    figures = {}
    for name, searches in found.items():
        bests = {mark: [max(curve[:mark]) for curve in rewards[name]] for mark in marks}
        intervals = {mark: find_interval(values) for mark, values in bests.items()}
        cells = "".join(f"{format_interval(one):>25s}" for one in intervals.values())
        counts = {count: statistics.fmean(one.counts[count] for one in searches) for count in COUNTS}
        print(f"{name:10s}{cells}   " + " ".join(f"{value:8.0f}" for value in counts.values()))
        figures[name] = dict(counts, best=intervals)
    known = found[config.algorithms[0]][0].known
    plot_searches(
        rewards,
        config.budget,
        config.results / f"real_search_{config.task}.png",
        f"Depth {config.depth} on {config.task}",
        {name: known[name] for name in ("Adam", "SGD")},
    )
    return dict(task=config.task, seeds=config.seeds, budget=config.budget, depth=config.depth, algorithms=figures)
