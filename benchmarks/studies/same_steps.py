"""What do the same gradient steps find with and without joining alike rules and racing?

The same algorithm searches twice with each seed: once measuring a given number of rules in full, and once as
`nos-search` does by default, with the same number of gradient steps. How many distinct behaviours does each search
judge, and how good is the rule that it ranks first, on seeds that it never saw?

    python -m benchmarks.run same_steps --tasks digits --seeds 5 --rules 300
    python -m benchmarks.run same_steps --tasks images table --seeds 3 --rules 60 --data_dir DATA

Stopped searches resume, and finished ones are not repeated.
"""

import contextlib
import pathlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.searches import run_search
from benchmarks.studies.common.shared_flags import depth_flag, own_data_flag, runs_flag, space_flag, workers_flag
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import full_name, set_data_directory
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.probe import Probe
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import BASELINE, FOUND
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.intervals import find_interval, format_interval
from neural_optimizer_search.search.ranking import read_ranking
from neural_optimizer_search.search.registry import algorithm_names
from neural_optimizer_search.tasks import TASKS

TITLE = "what do the same gradient steps find with and without joining alike rules and racing?"
FULL, SPARING = "in full", "sparing"
ARMS = {FULL: dict(alike="off", racing="off"), SPARING: {}}


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(
        ("digits", "images", "table"), "tasks to search on", choices=(*TASKS, *OWN_TASKS), nargs="+"
    )
    algorithms: Sequence[str] = flag(
        ("ppo",), "search algorithms", choices=algorithm_names, nargs="+", metavar="NAME"
    )
    seeds: int = flag(5, "pairs of searches of each algorithm on each task", parse=whole_number(1, 1_000))
    rules: int = flag(300, "rules that each search measures in full", parse=whole_number(1, 1_000_000))
    fresh_seeds: int = flag(20, "trainings of each of the best rules at the end", parse=whole_number(2, 1_000))
    space: str = space_flag()
    depth: int = depth_flag(2)
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("same_steps")
    data_dir: Optional[str] = own_data_flag()


class Searched(NamedTuple):
    """The result of a search.

    Attributes:
      steps: Gradient steps spent, without those of fresh seeds.
      judged: Number of trained rules.
      behaviours: Number of distinct behaviours among them, apart from those of known optimizers.
      best: Reward with fresh seeds of the rule ranked first.
      gain: `best` minus the reward of the best known optimizer with the same seeds.
    """

    steps: int
    judged: int
    behaviours: int
    best: float
    gain: float


def run(config: Config) -> dict[str, Any]:
    """Searches in pairs; returns the results of both arms on each task."""
    set_data_directory(config.data_dir)
    figures: dict[str, Any] = {}
    for task in config.tasks:
        for algorithm in config.algorithms:
            pairs = [_search_twice(task, algorithm, seed, config) for seed in range(config.seeds)]
            figures[f"{task} {algorithm}"] = _summarize(f"{task}, {algorithm}", pairs)
    ratios = [one["behaviours_ratio"] for one in figures.values()]
    return dict(seeds=config.seeds, rules=config.rules, depth=config.depth, searches=figures, least_ratio=min(ratios))


def _search_twice(task, algorithm, seed, config) -> dict[str, Searched]:
    """Runs both arms; the full one sets the step budget of the other."""
    pair, budget = {}, dict(budget=config.rules)
    for arm, flags in ARMS.items():
        directory = config.runs / f"{task}-{algorithm}-{seed}-{arm.replace(' ', '_')}"
        given = dict(
            task=full_name(task) if task in OWN_TASKS else task,
            algorithm=algorithm,
            seed=seed,
            space=config.space,
            depth=config.depth,
            cache="none",
            **flags,
        )
        run_search(directory, given, dict(budget, fresh_seeds=config.fresh_seeds, workers=config.workers))
        pair[arm] = directory
        budget = dict(steps=_count_steps(directory))
    # Behaviours of both arms are compared on the gradients that one arm recorded, because the child is the same.
    descent = _read_descent(pair[SPARING])
    return {arm: _read(directory, descent) for arm, directory in pair.items()}


def _count_steps(directory):
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        steps = ledger.count_steps()
    return sum(steps.values()) - steps["fresh seeds"]


def _read_descent(directory):
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        assert ledger.run.descent is not None
        return ledger.run.descent


def _read(directory, descent) -> Searched:
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        found, known, ranking = ledger.evaluations(FOUND), ledger.evaluations(BASELINE), read_ranking(ledger)
    if not ranking.compared:
        raise StudyFailed(f"the search in {directory} found no rule that trains to the end: give more --rules")
    first = next(one for one in ranking.found if one.place == 1)
    assert first.fresh is not None and ranking.reference is not None and ranking.reference.fresh is not None
    return Searched(
        steps=sum(e.steps for e in (*found, *known)),
        judged=len(found),
        behaviours=count_behaviours(found, known, [Screen().probe, Probe(descent)]),
        best=first.fresh.reward,
        gain=first.fresh.reward - ranking.reference.fresh.reward,
    )


def count_behaviours(found: Sequence[Evaluation], known: Sequence[Evaluation], probes: Sequence[Probe]) -> int:
    """The number of distinct behaviours among the found rules, apart from those of known optimizers."""
    behaviours, keys = Behaviours(probes), {evaluation.key for evaluation in known}
    for evaluation in (*known, *found):
        if evaluation.key in keys or behaviours.find(evaluation.rule) is None:
            behaviours.add(evaluation.key, evaluation.rule)
    return len(behaviours) - len(known)


def _summarize(title: str, pairs: Sequence[dict[str, Searched]]) -> dict[str, Any]:
    """Prints the table of a task and an algorithm; returns its figures."""
    print(f"\n{title}: means of {len(pairs)} searches ± 95 % t-intervals. Gain: over the best known optimizer\n")
    print(f"{'':10s}{'steps':>10s}{'rules':>8s}{'behaviours':>12s}{'best, fresh seeds':>28s}{'gain':>28s}")
    figures: dict[str, Any] = {}
    for arm in ARMS:
        of = [pair[arm] for pair in pairs]
        means = {
            name: statistics.fmean(getattr(one, name) for one in of) for name in ("steps", "judged", "behaviours")
        }
        intervals = {name: find_interval([getattr(one, name) for one in of]) for name in ("best", "gain")}
        cells = "".join(f"{format_interval(one):>28s}" for one in intervals.values())
        print(f"{arm:10s}{means['steps']:10.0f}{means['judged']:8.0f}{means['behaviours']:12.0f}{cells}")
        figures[arm] = dict(means, **intervals)
    differences = [pair[SPARING].best - pair[FULL].best for pair in pairs]
    ratio = figures[SPARING]["behaviours"] / max(figures[FULL]["behaviours"], 1)
    difference = find_interval(differences)
    print(f"{ratio:.2f} times as many behaviours; best, in pairs: {format_interval(difference, '+')}")
    every = {arm: [pair[arm]._asdict() for pair in pairs] for arm in ARMS}
    return dict(figures, behaviours_ratio=ratio, difference=difference, pairs=every)
