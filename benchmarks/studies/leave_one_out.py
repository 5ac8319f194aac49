"""Does a search that starts from rules found on other data arrive sooner?

For each task, an archive is made from the searches on other data only: `digits_mlp` has the images of `digits`, so
neither is in the archive of the other. The same algorithm then searches twice with each seed: cold, and from that
archive. How many trained rules and gradient steps does each search need to reach the best reward of the cold search's
whole budget? Neither tunes constants.

    python -m benchmarks.run leave_one_out --searches runs/*-guided-* --seeds 3 --rules 300 --data_dir DATA

Stopped searches resume, and finished ones are not repeated; measurements are shared with `archive`.
"""

import contextlib
import math
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np
from scipy import stats

from benchmarks.studies import StudyFailed
from benchmarks.studies.archive import apart_flag, keep_flag, make_archive, searches_flag, top_flag
from benchmarks.studies.archive.candidates import Searched, read_searches
from benchmarks.studies.archive.ranks import shorten_name
from benchmarks.studies.common.searches import run_search
from benchmarks.studies.common.shared_flags import own_data_flag, runs_flag, workers_flag
from benchmarks.studies.own_tasks import name_data, set_data_directory
from neural_optimizer_search.command_line import path, whole_number
from neural_optimizer_search.dsl.composed import COMPOSED
from neural_optimizer_search.dsl.presets import PRESETS
from neural_optimizer_search.dsl.search_space import MAX_DEPTH
from neural_optimizer_search.flags import flag
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import FOUND
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.archive import read_archive, write_archive
from neural_optimizer_search.search.intervals import find_interval
from neural_optimizer_search.search.registry import algorithm_names, default_algorithm
from neural_optimizer_search.user_error import UserError

TITLE = "does a search that starts from rules found on other data arrive sooner?"
COLD, STARTED = "cold", "started"
FLAGS = "flags"  # in an archive: those of this study with which it was made


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    searches: Sequence[pathlib.Path] = searches_flag()
    top: int = top_flag()
    keep: int = keep_flag()
    apart: float = apart_flag()
    only: Sequence[str] = flag((), "tasks to leave out, one by one", nargs="+", metavar="TASK", default_text="each")
    algorithm: Optional[str] = flag(
        None, "search algorithm", choices=algorithm_names, default_text="that of nos-search"
    )
    seeds: int = flag(3, "pairs of searches on each task", parse=whole_number(1, 1_000))
    first_seed: int = flag(100, "seed of the first pair", parse=whole_number(0))
    rules: int = flag(300, "rules that each search trains", parse=whole_number(1, 1_000_000))
    space: Optional[str] = flag(
        None, "which rules may be proposed", choices=(*PRESETS, COMPOSED), default_text="that of nos-search"
    )
    depth: Optional[int] = flag(
        None,
        "iterations of the language",
        parse=whole_number(1, MAX_DEPTH),
        choices=range(1, MAX_DEPTH + 1),
        default_text="that of nos-search",
    )
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("leave_one_out")
    measurements: pathlib.Path = flag(
        pathlib.Path("runs", "archive"), "directory of the measurements of the study archive", parse=path
    )
    data_dir: Optional[str] = own_data_flag()


class Needed(NamedTuple):
    """The cost of reaching a level: trained rules, and gradient steps on them; None if it was not reached."""

    rules: Optional[int]
    steps: Optional[int]


class Trained(NamedTuple):
    """A rule as a search measured it: its reward (0 if it has none) and its cost in gradient steps."""

    reward: float
    steps: int


def run(config: Config) -> dict[str, Any]:
    """Searches in pairs; returns the costs of both searches on each task."""
    set_data_directory(config.data_dir)
    searches = read_searches(config.searches, config.top)
    tasks = list(dict.fromkeys(search.task for search in searches))
    if len({name_data(task) for task in tasks}) < 2:
        raise UserError(
            f"argument --searches: must be on the data of two tasks or more. Received: {', '.join(tasks)}."
        )
    names = {shorten_name(task): task for task in tasks}
    if unknown := [name for name in config.only if name not in names]:
        raise UserError(f"argument --only: must be of {', '.join(names)}. Received: {', '.join(unknown)}.")
    figures = {}
    for task in [names[name] for name in config.only] or tasks:
        pairs = [_search_twice(task, seed, searches, config) for seed in _seeds(config)]
        figures[task] = summarize(pairs, config.rules)
        _print(shorten_name(task), figures[task])
    ratios = {what: summarize_ratios(figures.values(), what) for what in ("rules", "steps")}
    print("\nRatios of started to cold searches, geometric means over tasks (95 % t-intervals):")
    for what, (mean, *interval) in ratios.items():
        print(f"{what}: {mean:.2f}" + (" ({:.2f} to {:.2f})".format(*interval) if interval else ""))
    return dict(algorithm=_algorithm(config), seeds=config.seeds, rules=config.rules, tasks=figures, ratios=ratios)


def _seeds(config):
    return range(config.first_seed, config.first_seed + config.seeds)


def _algorithm(config):
    return config.algorithm or default_algorithm()


def _search_twice(task: str, seed: int, searches: Sequence[Searched], config) -> dict[str, list[Trained]]:
    """The rules that the cold and the started search trained, in order."""
    others = [search for search in searches if name_data(search.task) != name_data(task)]
    protocol = next(search.protocol for search in searches if search.task == task)
    name = shorten_name(task)
    archive = config.runs / f"without-{name}.json"
    _provide_archive(archive, others, f"python -m benchmarks.run leave_one_out, without {name}", config)
    found = {}
    for arm, start in ((COLD, "none"), (STARTED, archive)):
        directory = config.runs / f"{name}-{_algorithm(config)}-{seed}-{arm}"
        given = dict(task=task, protocol=protocol, algorithm=_algorithm(config), seed=seed, start=start)
        given.update(space=config.space, depth=config.depth, cache="none", constants=0)
        run_search(directory, given, dict(budget=config.rules, fresh_seeds=0, workers=config.workers))
        found[arm] = _read(directory)
    return found


def _provide_archive(path, others, command, config):
    """Makes the archive of the other searches, unless it is there.

    Raises:
      StudyFailed: If it is there, but was made with other flags.
    """
    wanted = {name: getattr(config, name) for name in ("top", "keep", "apart")}
    if not path.exists():
        made = make_archive(others, config, config.measurements, command)
        write_archive(path, made._replace(about={**made.about, FLAGS: wanted}))
    kept = read_archive(path)
    recorded = dict(kept.about.get(FLAGS, {}), searches=kept.searches)
    for name, value in dict(searches={one.name: one.about for one in others}, **wanted).items():
        if recorded.get(name) != value:
            raise StudyFailed(f"{path} was made with other --{name}. Give another directory with --runs")


def _read(directory) -> list[Trained]:
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        measured = {e.key: e for e in ledger.evaluations(FOUND)}
        keys = [key for key in ledger.sampled_keys() if key in measured]
        # A step in which a search reached its budget is not among its samples.
        keys += [key for key in measured if key not in set(keys)]
    return [Trained(e.reward if e.status == "ok" else 0.0, e.steps) for e in map(measured.__getitem__, keys)]


def find_needed(trained: Sequence[Trained], level: float) -> Needed:
    """The cost of a search up to its first rule with at least this reward."""
    place = next((i for i, one in enumerate(trained) if one.reward >= level), None)
    if place is None:
        return Needed(None, None)
    return Needed(place + 1, sum(one.steps for one in trained[: place + 1]))


def summarize(pairs: Sequence[dict[str, list[Trained]]], budget: int) -> dict[str, Any]:
    """The figures of a task.

    A started search that missed the level counts as if it had reached it at its end; its true cost is higher.

    Args:
      pairs: The rules that each search trained, for each seed.
      budget: Rules that each search may train.
    """
    rows = []
    for pair in pairs:
        level = max(one.reward for one in pair[COLD])
        needed = {arm: find_needed(trained, level)._asdict() for arm, trained in pair.items()}
        rows.append(dict(level=level, best={arm: max(one.reward for one in pair[arm]) for arm in pair}, **needed))
    all_steps = [sum(one.steps for one in pair[STARTED]) for pair in pairs]
    for row, most in zip(rows, all_steps):
        rules, steps = row[STARTED]["rules"] or budget, row[STARTED]["steps"] or most
        row["ratios"] = dict(rules=rules / row[COLD]["rules"], steps=steps / row[COLD]["steps"])
    medians = {arm: float(np.median([row[arm]["rules"] or budget for row in rows])) for arm in (COLD, STARTED)}
    return dict(
        pairs=rows,
        median_rules=medians,
        arrived=sum(row[STARTED]["rules"] is not None for row in rows),
        ratios={what: float(stats.gmean([row["ratios"][what] for row in rows])) for what in ("rules", "steps")},
    )


def summarize_ratios(tasks: Iterable[dict[str, Any]], what: str) -> tuple[float, ...]:
    """The geometric mean of a ratio over tasks with equally many pairs, and its 95 % t-interval over all pairs.

    Args:
      tasks: The figures of each task, from `summarize`.
      what: "rules" or "steps".

    Returns:
      The mean, and the bounds of its interval if there are several pairs.
    """
    logarithms = [math.log(row["ratios"][what]) for figures in tasks for row in figures["pairs"]]
    mean, half = find_interval(logarithms)
    return tuple(map(math.exp, [mean] if half is None else [mean, mean - half, mean + half]))


def _print(name, figures):
    medians, arrived, ratios = figures["median_rules"], figures["arrived"], figures["ratios"]
    print(
        f"{name}: rules to the cold search's best reward: {medians[COLD]:.0f} cold, {medians[STARTED]:.0f} started "
        f"(medians; {arrived} of {len(figures['pairs'])} arrived); ratios of rules {ratios['rules']:.2f}, of steps "
        f"{ratios['steps']:.2f}",
        flush=True,
    )
