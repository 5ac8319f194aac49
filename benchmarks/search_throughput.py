"""How many rules does a search train in an hour, what do two workers gain, and what does all else cost?

A search is run with one worker and with several in turn, so that the noise of the machine meets both. "Beside the
children" is the time that the search spends on anything but waiting for a worker: controller, screen, ledger.

    python -m benchmarks.search_throughput --repeats 3
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import tempfile
import time

from neural_optimizer_search.workers.processes import ProcessExecutor

from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.loop import EvaluationRecorder, search
from neural_optimizer_search.tasks import TASKS
from tf_agents_env.controllers import CONTROLLERS, Controller


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--space", default="arxiv2017_no_decay")
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--seeds_per_rule", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="compared with one")
    parser.add_argument("--budget", type=int, default=150, help="rules a measurement")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    protocol = dataclasses.replace(task.protocols["default"], seeds=tuple(range(arguments.seeds_per_rule)))
    counts = sorted({1, arguments.workers})
    rows = []
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        executors = {n: stack.enter_context(ProcessExecutor(task, protocol, workers=n)) for n in counts}
        for executor in executors.values():
            list(executor(list(KNOWN_OPTIMIZERS.values()) * 2))  # starts and traces every worker
        for repeat in range(arguments.repeats):
            for workers, executor in executors.items():
                out = pathlib.Path(scratch, f"{workers}-{repeat}")
                rows.append(dict(repeat=repeat, workers=workers, **measured(executor, out, repeat, arguments)))
            print(f"repeat {repeat + 1} of {arguments.repeats} done", flush=True)
    report(rows, counts, arguments)


def measured(executor, out, seed, arguments):
    """What one search took: rules an hour, and shares of its time."""
    out.mkdir()
    ledger = Ledger(out / "ledger.sqlite", config={})
    score = Waiting(executor, ledger, screen=Screen())
    space = search_space(arguments.space, arguments.depth)
    controller = Controller(space, CONTROLLERS["ppo"]["fast"], seed, out / "controller")
    steps = search(controller, score, ledger, arguments.budget)
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


class Waiting(EvaluationRecorder):
    """Counts the seconds that a search waits for its workers, and those that they work."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, on_evaluation=self._count, **named)
        self.seconds = self.busy = 0.0

    def wait(self):
        started = time.perf_counter()
        super().wait()
        self.seconds += time.perf_counter() - started

    def _count(self, evaluation):
        self.busy += evaluation.seconds


def report(rows, counts, arguments):
    names = ("rules_per_hour", "beside_the_children", "workers_busy")
    print("\nworkers  rules an hour (lowest-highest)  beside the children  workers busy   (medians)")
    figures = {}
    for workers in counts:
        columns = {name: [row[name] for row in rows if row["workers"] == workers] for name in names}
        figures[workers] = {name: statistics.median(column) for name, column in columns.items()}
        rates = columns["rules_per_hour"]
        print(
            f"{workers:7d}  {statistics.median(rates):13.0f} ({min(rates):.0f}-{max(rates):.0f})"
            f"  {figures[workers]['beside_the_children']:19.1%}  {figures[workers]['workers_busy']:12.1%}"
        )
    gains = [
        many["rules_per_hour"] / one["rules_per_hour"]
        for one in rows
        for many in rows
        if one["repeat"] == many["repeat"] and (one["workers"], many["workers"]) == (counts[0], counts[-1])
    ]
    print(f"\n{counts[-1]} workers train {statistics.median(gains):.2f} times the rules of {counts[0]}.")
    print(
        json.dumps(
            dict(
                task=arguments.task,
                seeds_per_rule=arguments.seeds_per_rule,
                budget=arguments.budget,
                repeats=arguments.repeats,
                workers=figures,
                gain=statistics.median(gains),
                gains=gains,
            )
        )
    )


if __name__ == "__main__":
    main()
