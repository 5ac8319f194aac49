"""How many rules does a search train per hour, what do more workers gain, and what does everything else cost?

A search is run with one worker and with several in turn, so that the machine's noise affects both. "No worker works"
is the share of the time in which all workers wait for the controller, the screen or the ledger. The processor time of
these three is "its own": workers lack it if there is no spare core, and the machine's other load hardly changes it.

    python -m benchmarks.run search_throughput --repeats 5
    python -m benchmarks.run search_throughput --repeats 5 --pipeline 0     # each batch waits for the previous one
"""

import concurrent.futures
import contextlib
import dataclasses
import math
import pathlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Optional

from benchmarks.studies.common.shared_flags import depth_flag, find_protocol, space_flag, task_flag
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.config import WorkerConfig
from neural_optimizer_search.workers.executor import MEASURE, Ask, Executor
from neural_optimizer_search.workers.placement import count_cores
from tf_agents_env.controller_config import CONTROLLERS
from tf_agents_env.controllers import Controller

TITLE = "how many rules does a search train per hour, and what does everything but their training cost?"


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    space: str = space_flag()
    depth: int = depth_flag(2)
    seeds_per_rule: int = flag(3, "trainings of each rule", parse=whole_number(1, 1_000))
    workers: Optional[int] = flag(
        None, "worker processes, compared with one", parse=whole_number(1, 1_000), default_text="one per core"
    )
    pipeline: int = flag(
        1,
        "batches measured ahead of the one that is learned from",
        parse=whole_number(0, 8),
    )
    budget: int = flag(150, "rules per measurement", parse=whole_number(1, 1_000_000))
    repeats: int = flag(5, "measurements of each number of workers", parse=whole_number(1, 1_000))


def run(config: Config) -> dict[str, Any]:
    """Searches with one worker and with several, in turns; returns medians for each number of workers."""
    task = TASKS[config.task]
    protocol = find_protocol(task, "default", seeds=tuple(range(config.seeds_per_rule)))
    counts = sorted({1, config.workers or count_cores()})
    rows = []
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        executors = {n: stack.enter_context(WorkerConfig(workers=n).open_executor(task, protocol)) for n in counts}
        for executor in executors.values():
            list(executor(list(KNOWN_OPTIMIZERS.values()) * 2))  # starts and traces every worker
        for repeat in range(config.repeats):
            for workers, executor in executors.items():
                out = pathlib.Path(scratch, f"{workers}-{repeat}")
                rows.append(dict(repeat=repeat, workers=workers, **_measure(executor, out, repeat, config)))
            print(f"repeat {repeat + 1} of {config.repeats} done", flush=True)
    print("\nworkers  rules an hour (lowest-highest)  no worker works  workers busy  its own ms a rule   (medians)")
    figures = {workers: _summarize(workers, rows) for workers in counts}
    gains = _find_gains(rows, counts)
    print(f"\n{counts[-1]} workers train {statistics.median(gains):.2f} times as many rules as {counts[0]}.")
    return dict(
        task=config.task,
        seeds_per_rule=config.seeds_per_rule,
        budget=config.budget,
        repeats=config.repeats,
        pipeline=config.pipeline,
        workers=figures,
        rules_per_hour=figures[counts[-1]]["rules_per_hour"],
        overhead_share=figures[counts[-1]]["no_worker_works"],
        gain_two_workers=statistics.median(gains),
        gains=gains,
    )


def _measure(executor, out, seed, config):
    """The figures of one search: rules per hour, shares of its time, and its own milliseconds per rule."""
    out.mkdir()
    ledger = Ledger(out / LEDGER, config={})
    watched = Watched(executor)
    score = EvaluationRecorder(watched, ledger, screen=Screen())
    space = search_space(config.space, config.depth)
    controller = Controller(space, CONTROLLERS["ppo"]["fast"], seed, out / "controller")
    steps = search(controller, score, ledger, Limits(config.budget), pipeline=config.pipeline)
    next(steps)  # traces the controller
    before, started, processor = len(watched.worked), time.perf_counter(), time.process_time()
    for _ in steps:
        pass
    wall, processor = time.perf_counter() - started, time.process_time() - processor
    ledger.close()
    trained = len(watched.worked) - before
    busy = [(max(begun, started), end) for begun, end in watched.worked if end > started]
    return dict(
        rules_per_hour=3600 * trained / wall,
        no_worker_works=1 - measure_union(busy) / wall,
        workers_busy=sum(end - begun for begun, end in busy) / executor.workers / wall,
        own_ms=1000 * processor / trained,
    )


class Watched(Executor):
    """Wraps an executor, and records when its workers began and ended each rule."""

    def __init__(self, executor: Executor):
        self._executor, self.workers, self.worked = executor, executor.workers, []

    def submit(self, rule: Rule, ask: Ask = MEASURE) -> "concurrent.futures.Future[Any]":
        future = self._executor.submit(rule, ask)
        future.add_done_callback(self._note)
        return future

    def _note(self, future):
        end = time.perf_counter()
        self.worked.append((end - future.result().seconds, end))


def measure_union(spans: Sequence[tuple[float, float]]) -> float:
    """The length of the union of spans.

    Example:
      >>> from benchmarks.studies.search_throughput import measure_union
      >>> measure_union([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
      4.0
    """
    total, covered = 0.0, -math.inf
    for begun, end in sorted(spans):
        total += max(0.0, end - max(begun, covered))
        covered = max(covered, end)
    return total


def _summarize(workers, rows):
    """Prints the row of a number of workers and returns its medians."""
    names = ("rules_per_hour", "no_worker_works", "workers_busy", "own_ms")
    columns = {name: [row[name] for row in rows if row["workers"] == workers] for name in names}
    medians = {name: statistics.median(column) for name, column in columns.items()}
    rates = columns["rules_per_hour"]
    print(
        f"{workers:7d}  {medians['rules_per_hour']:13.0f} ({min(rates):.0f}-{max(rates):.0f})"
        f"  {medians['no_worker_works']:15.1%}  {medians['workers_busy']:12.1%}"
        f"  {medians['own_ms']:17.1f}"
    )
    return medians


def _find_gains(rows, counts):
    """The ratio of the rules trained by the most workers to those by the fewest, in each repeat."""
    return [
        many["rules_per_hour"] / one["rules_per_hour"]
        for one in rows
        for many in rows
        if one["repeat"] == many["repeat"] and (one["workers"], many["workers"]) == (counts[0], counts[-1])
    ]
