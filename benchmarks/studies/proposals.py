"""Which algorithm, space and start find more with the same gradient steps?

Each arm is a set of flags of `nos-search`, named by rows of `ARMS` joined with "+", such as local+composed. Every arm
searches each task with each seed and the same number of gradient steps. How good is the rule that it ranks first, on
seeds that it never saw, compared with the best known optimizer and tuned Adam?

    python -m benchmarks.run proposals --tasks digits --arms default local guided ppo evolution random --steps 130000
    python -m benchmarks.run proposals --tasks table --arms local+composed local+modern --seeds 5 --steps 100000

Stopped searches resume, and finished ones are not repeated.
"""

import argparse
import contextlib
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from benchmarks.studies.common.searches import run_search
from benchmarks.studies.common.shared_flags import own_data_flag, runs_flag, workers_flag
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import full_name, set_data_directory
from neural_optimizer_search.command_line import shorten, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.intervals import find_interval, format_interval
from neural_optimizer_search.search.ranking import read_ranking
from neural_optimizer_search.search.registry import algorithm_names
from neural_optimizer_search.search.verdict import least_probability
from neural_optimizer_search.tasks import TASKS

TITLE = "which algorithm, space and start find more with the same gradient steps?"
# Name -> flags that differ from the defaults.
ARMS: dict[str, dict[str, Any]] = {
    "default": {},
    **{name: dict(algorithm=name) for name in algorithm_names()},
    **{name: dict(space=name) for name in ("composed", "modern", "arxiv2017", "arxiv2017_no_decay")},
    "depth1": dict(depth=1),
    "archive": dict(start="archive"),
    "catalogue": dict(start="catalogue"),
    "no_start": dict(start="none"),
    "no_identity": dict(alike="off"),
    "no_racing": dict(racing="off"),
    "no_constants": dict(constants=0),
}


def parse_arm(text: str) -> str:
    """The `type` of --arms: names of rows, no two of which set the same flag."""
    rows = text.split("+")
    unknown = [row for row in rows if row not in ARMS]
    given = [name for row in rows if row in ARMS for name in ARMS[row]]
    if unknown or len(set(given)) < len(given):
        raise argparse.ArgumentTypeError(
            f"must be joined with + of: {', '.join(ARMS)}, each flag once. Received: {shorten(text)}."
        )
    return text


def flags_of(arm: str) -> dict[str, Any]:
    """The flags of an arm, by name."""
    return {name: value for row in arm.split("+") for name, value in ARMS[row].items()}


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(("digits",), "tasks to search on", choices=(*TASKS, *OWN_TASKS), nargs="+")
    protocol: str = flag("default", "how children are trained, such as default or reduced")
    arms: Sequence[str] = flag(
        ("default", "evolution", "random"),
        f"sets of flags, compared with the first; each is joined with + from {', '.join(ARMS)}",
        parse=parse_arm,
        nargs="+",
        metavar="ARM",
    )
    seeds: int = flag(5, "searches of each arm on each task", parse=whole_number(1, 1_000))
    first_seed: int = flag(0, "seed of the first search", parse=whole_number(0))
    steps: int = flag(130_000, "gradient steps of a search, known optimizers included", parse=whole_number(1))
    fresh_seeds: int = flag(20, "trainings of each of the best rules at the end", parse=whole_number(2, 1_000))
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("proposals")
    data_dir: Optional[str] = own_data_flag()


class Found(NamedTuple):
    """The result of a search.

    Attributes:
      steps: Gradient steps spent, without those of fresh seeds.
      rules: Number of trained rules.
      seconds: Time that its workers spent on rules and known optimizers.
      first: Reward with fresh seeds of the rule ranked first; no choice was based on these seeds.
      best: Best reward with fresh seeds among the ten rules that were trained with them.
      gain: `first` minus the reward of the best known optimizer. Not `best`: the highest of more rules would be
        higher even if all were equally good.
      gain_over_adam: `first` minus the reward of tuned Adam.
      beats_adam, beats_all: Whether one of the ten beats Adam, or the best known optimizer, as in a verdict.
      rule: The formula of the best rule.
    """

    steps: int
    rules: int
    seconds: float
    first: float
    best: float
    gain: float
    gain_over_adam: float
    beats_adam: bool
    beats_all: bool
    rule: str


MEANS = ("steps", "rules", "seconds", "beats_adam", "beats_all")
INTERVALS = ("first", "best", "gain", "gain_over_adam")


def run(config: Config) -> dict[str, Any]:
    """Searches with every arm; returns the results by task."""
    set_data_directory(config.data_dir)
    tasks = {task: _compare(task, config) for task in config.tasks}
    return dict(seeds=config.seeds, first_seed=config.first_seed, steps=config.steps, tasks=tasks)


def _compare(task, config):
    found: dict[str, list[Found]] = {arm: [] for arm in config.arms}
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        for arm in config.arms:  # seed by seed, so that partial results can be compared at any time
            found[arm].append(_search(task, arm, seed, config))
    return summarize(f"{task}, {config.steps:,} gradient steps", found)


def _search(task, arm, seed, config):
    directory = config.runs / f"{task}-{arm}-{config.steps}-{seed}"
    named = full_name(task) if task in OWN_TASKS else task
    given = dict(task=named, protocol=config.protocol, seed=seed, cache="none", **flags_of(arm))
    run_search(directory, given, dict(steps=config.steps, fresh_seeds=config.fresh_seeds, workers=config.workers))
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        return read_found(ledger)


def read_found(ledger: Ledger) -> Found:
    """The result of a search that trained with fresh seeds."""
    ranking, steps = read_ranking(ledger), ledger.count_steps()
    compared = [one for one in ranking.found if one.fresh is not None]
    first = min(compared, key=lambda one: one.place)
    best = max(compared, key=lambda one: one.last.reward)
    adam = next(one for one in ranking.known if one.name == "Adam")
    assert ranking.reference is not None

    def beats(other):
        least = least_probability(len(compared))
        return any((ranking.find_probability(one, other) or 0.0) >= least for one in compared)

    return Found(
        steps=sum(count for name, count in steps.items() if name != "fresh seeds"),
        rules=ledger.counts()["trained"],
        seconds=sum(e.seconds for e in ledger.evaluations()),
        first=first.last.reward,
        best=best.last.reward,
        gain=first.last.reward - ranking.reference.last.reward,
        gain_over_adam=first.last.reward - adam.last.reward,
        beats_adam=beats(adam),
        beats_all=beats(ranking.reference),
        rule=best.name,
    )


def summarize(title: str, found: Mapping[str, Sequence[Found]]) -> dict[str, Any]:
    """Prints the table of a task, which compares all arms with the first; returns its figures by arm."""
    reference, *_ = found.values()
    what = 'in pairs: "first" minus that of the first arm'
    print(f"\n{title}: means of {len(reference)} searches ± 95 % t-intervals; {what}\n")
    print(f"{'arm':24s}{'steps':>9s}{'rules':>7s}{'first':>30s}{'gain':>30s}{'in pairs':>30s}{'beats Adam':>12s}")
    figures: dict[str, Any] = {}
    for arm, searches in found.items():
        figures[arm] = of = _average(searches)
        differences = [one.first - other.first for one, other in zip(searches, reference)]
        of["in_pairs"] = find_interval(differences)
        cells = "".join(
            f"{format_interval(of[name], sign):>30s}"
            for name, sign in (("first", ""), ("gain", "+"), ("in_pairs", "+"))
        )
        print(f"{arm:24s}{of['steps']:9.0f}{of['rules']:7.0f}{cells}{of['beats_adam']:12.0%}")
    return figures


def _average(searches):
    columns = {name: [getattr(one, name) for one in searches] for name in (*MEANS, *INTERVALS)}
    means = {name: float(statistics.fmean(columns[name])) for name in MEANS}
    intervals = {name: find_interval(columns[name]) for name in INTERVALS}
    return dict(means, **intervals, searches=[one._asdict() for one in searches])
