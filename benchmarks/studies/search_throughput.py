"""How many rules does a search train in an hour, what do two workers gain, and what does all else cost?

A search is run with one worker and with several in turn, so that the noise of the machine meets both. "Beside the
children" is the time that the search spends on anything but waiting for a worker: controller, screen, ledger.

    python -m benchmarks.run search_throughput --repeats 3
"""

import contextlib
import dataclasses
import os
import pathlib
import statistics
import tempfile
import time
from typing import Any, Optional

from benchmarks.studies.common.shared_flags import depth_flag, find_protocol, space_flag, task_flag
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.config import WorkerConfig
from tf_agents_env.controllers import CONTROLLERS, Controller

TITLE = "how many rules does a search train in an hour, and what does all but their training cost?"


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
    budget: int = flag(150, "rules a measurement", parse=whole_number(1, 1_000_000))
    repeats: int = flag(3, "measurements", parse=whole_number(1, 1_000))


def run(config: Config) -> dict[str, Any]:
    """Searches with one worker and with several, in turns; returns medians for each number of workers."""
    task = TASKS[config.task]
    protocol = find_protocol(task, "default", seeds=tuple(range(config.seeds_per_rule)))
    counts = sorted({1, config.workers or os.cpu_count()})
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
    print("\nworkers  rules an hour (lowest-highest)  beside the children  workers busy   (medians)")
    figures = {workers: _summarize(workers, rows) for workers in counts}
    gains = _find_gains(rows, counts)
    print(f"\n{counts[-1]} workers train {statistics.median(gains):.2f} times the rules of {counts[0]}.")
    return dict(
        task=config.task,
        seeds_per_rule=config.seeds_per_rule,
        budget=config.budget,
        repeats=config.repeats,
        workers=figures,
        gain=statistics.median(gains),
        gains=gains,
    )


def _measure(executor, out, seed, config):
    """What one search took: rules an hour, and shares of its time."""
    out.mkdir()
    ledger = Ledger(out / "ledger.sqlite", config={})
    score = WaitingRecorder(executor, ledger, screen=Screen())
    space = search_space(config.space, config.depth)
    controller = Controller(space, CONTROLLERS["ppo"]["fast"], seed, out / "controller")
    steps = search(controller, score, ledger, Limits(config.budget))
    next(steps)  # traces the controller
    before, score.seconds, score.busy = score.trained, 0.0, 0.0
    started = time.perf_counter()
    for _ in steps:
        pass
    wall = time.perf_counter() - started
    ledger.close()
    return dict(
        rules_per_hour=3600 * (score.trained - before) / wall,
        beside_the_children=1 - score.seconds / wall,
        workers_busy=score.busy / executor.workers / wall,
    )


class WaitingRecorder(EvaluationRecorder):
    """Counts the seconds that a search waits for its workers, and those that they work."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, on_evaluation=self._count, **named)
        self.seconds = self.busy = 0.0

    def wait(self) -> None:
        started = time.perf_counter()
        super().wait()
        self.seconds += time.perf_counter() - started

    def _count(self, evaluation: Evaluation) -> None:
        self.busy += evaluation.seconds


def _summarize(workers, rows):
    """Prints the row of a number of workers and returns its medians."""
    names = ("rules_per_hour", "beside_the_children", "workers_busy")
    columns = {name: [row[name] for row in rows if row["workers"] == workers] for name in names}
    medians = {name: statistics.median(column) for name, column in columns.items()}
    rates = columns["rules_per_hour"]
    print(
        f"{workers:7d}  {medians['rules_per_hour']:13.0f} ({min(rates):.0f}-{max(rates):.0f})"
        f"  {medians['beside_the_children']:19.1%}  {medians['workers_busy']:12.1%}"
    )
    return medians


def _find_gains(rows, counts):
    """How many times more rules the most workers train than the fewest, in each repeat."""
    return [
        many["rules_per_hour"] / one["rules_per_hour"]
        for one in rows
        for many in rows
        if one["repeat"] == many["repeat"] and (one["workers"], many["workers"]) == (counts[0], counts[-1])
    ]
