"""Which rules do searches on several tasks have in common? Makes the archive that `--start archive` reads.

The best distinct rules of the given searches are measured in full on every task of these searches, ranked on each,
and ordered by mean rank. A rule that fails or diverges on any task is left out.

    python -m benchmarks.run archive --searches runs/digits-0 runs/images-0 --data_dir DATA
    python -m benchmarks.run archive --searches runs/*-guided-* --out neural_optimizer_search/search/archive.json

Measurements are stored and never repeated.
"""

import datetime
import pathlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies.archive.candidates import Searched, choose_candidates, keep_different, read_searches
from benchmarks.studies.archive.ranks import measure_candidates, order, shorten_name
from benchmarks.studies.common.shared_flags import own_data_flag, runs_flag, workers_flag
from benchmarks.studies.own_tasks import set_data_directory
from neural_optimizer_search.command_line import number, path, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.search.archive import Archive, write_archive
from neural_optimizer_search.versions import find_versions

TITLE = "which rules do searches on several tasks have in common? (makes the shipped archive)"


def searches_flag() -> Any:
    """The field `searches`."""
    return flag((), "directories of searches, one or more per task", parse=path, nargs="+", metavar="RUN")


def top_flag() -> Any:
    """The field `top`."""
    return flag(10, "rules of each search to compare", parse=whole_number(1, 1_000))


def keep_flag() -> Any:
    """The field `keep`."""
    return flag(20, "rules to keep in an archive", parse=whole_number(1, 1_000))


def apart_flag() -> Any:
    """The field `apart`."""
    return flag(0.97, "cosine at or above which only the better of two rules is kept", parse=number(0.0, 1.0))


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    searches: Sequence[pathlib.Path] = searches_flag()
    top: int = top_flag()
    keep: int = keep_flag()
    apart: float = apart_flag()
    out: pathlib.Path = flag(pathlib.Path("runs", "archive", "archive.json"), "the file to write", parse=path)
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("archive")
    data_dir: Optional[str] = own_data_flag()


def run(config: Config) -> dict[str, Any]:
    """Measures and ranks rules, and writes the archive; returns its contents."""
    set_data_directory(config.data_dir)
    searches = read_searches(config.searches, config.top)
    flags = f"--top {config.top} --keep {config.keep} --apart {config.apart:g}"
    command = f"python -m benchmarks.run archive --searches {shlex.join(map(str, config.searches))} {flags}"
    archive = make_archive(searches, config, config.runs, command)
    write_archive(config.out, archive)
    _print(archive)
    print(f"\n{len(archive.rules)} rules -> {config.out}")
    rules = [dict(formula=str(one.rule), search=one.search, mean_rank=one.mean_rank) for one in archive.rules]
    return dict(tasks=archive.tasks, compared=archive.about["compared"], failed=archive.about["failed"], rules=rules)


def make_archive(searches: Sequence[Searched], config: Any, runs: pathlib.Path, command: str) -> Archive:
    """The archive of the rules that searches found, measured on the tasks of these searches.

    Args:
      searches: The searches, from `read_searches`.
      config: Has `keep`, `apart` and `workers`.
      runs: Directory of the measurements.
      command: The command that makes it, for readers of the file.
    """
    candidates = choose_candidates(searches)
    protocols = {search.task: search.protocol for search in searches}
    measured = {
        task: measure_candidates(task, protocol, candidates, runs, config.workers)
        for task, protocol in protocols.items()
    }
    ordered = order(candidates, {task: one.rewards for task, one in measured.items()})
    about = dict(
        made=datetime.date.today().isoformat(),
        versions=find_versions(),
        command=command,
        compared=len(candidates),
        failed=len(candidates) - len(ordered),
    )
    tasks = {task: dict(protocol=protocols[task], known=one.known) for task, one in measured.items()}
    kept = keep_different(ordered, config.apart)[: config.keep]
    return Archive(kept, tasks, {search.name: search.about for search in searches}, about)


def _print(archive):
    tasks = list(archive.tasks)
    names = [shorten_name(task) for task in tasks]
    print(f"\n{'':4s}{'mean rank':>10s}{''.join(f'{name[:12]:>13s}' for name in names)}  rule")
    for place, one in enumerate(archive.rules, 1):
        cells = "".join(f"{one.rewards[task]:13.4f}" for task in tasks)
        print(f"{place:3d} {one.mean_rank:10.1f}{cells}  {one.rule}")
    for name in archive.tasks[tasks[0]]["known"]:
        cells = "".join(f"{archive.tasks[task]['known'][name]:13.4f}" for task in tasks)
        print(f"{'':14s}{cells}  {name}")
