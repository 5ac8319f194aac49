"""The rewards of rules on each of several tasks, and their order by mean rank."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np
from scipy import stats

from benchmarks.studies import StudyFailed
from benchmarks.studies.archive.candidates import Candidate
from benchmarks.studies.common.evaluations import evaluate_rules
from benchmarks.studies.own_tasks import NAMES, full_name
from neural_optimizer_search.search.archive import ArchivedRule
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS

_SHORT = {full_name(name): name for name in NAMES}


class MeasuredTask(NamedTuple):
    """Rewards on a task: of the candidates (None if they failed), and of the known optimizers by name."""

    rewards: list[Optional[float]]
    known: dict[str, float]


def shorten_name(task: str) -> str:
    """The short name of a task, for tables and file names."""
    return _SHORT.get(task, task).replace(":", ".")


def measure_candidates(
    task: str, protocol: str, candidates: Sequence[Candidate], runs: pathlib.Path, workers: Optional[int]
) -> MeasuredTask:
    """Measures candidates on a task in full; measurements stored in `runs` are not repeated."""
    kept = runs / f"{shorten_name(task)}{'' if protocol == 'default' else f'-{protocol}'}.jsonl"
    rules = [*KNOWN_OPTIMIZERS.values(), *(candidate.rule for candidate in candidates)]
    print(f"{shorten_name(task)}: {len(rules)} rules, known optimizers included", flush=True)
    found = evaluate_rules(task, protocol, rules, kept, workers)
    known = {name: e.reward for name, e in zip(KNOWN_OPTIMIZERS, found)}
    return MeasuredTask([e.reward if e.status == "ok" else None for e in found[len(known) :]], known)


def order(candidates: Sequence[Candidate], rewards: Mapping[str, Sequence[Optional[float]]]) -> list[ArchivedRule]:
    """The candidates that fail on no task, by mean rank over the tasks.

    Args:
      candidates: The rules.
      rewards: Rewards of each, by task; None if it failed there.

    Raises:
      StudyFailed: If every candidate fails on some task.
    """
    whole = [i for i in range(len(candidates)) if all(of_task[i] is not None for of_task in rewards.values())]
    if not whole:
        raise StudyFailed("every rule fails on some task.")
    ranks = {task: stats.rankdata([-np.float64(of_task[i]) for i in whole]) for task, of_task in rewards.items()}
    found = [
        ArchivedRule(
            *candidates[i],
            {task: float(of_task[i] or 0.0) for task, of_task in rewards.items()},
            {task: float(of_task[place]) for task, of_task in ranks.items()},
        )
        for place, i in enumerate(whole)
    ]
    return sorted(found, key=lambda one: one.mean_rank)
