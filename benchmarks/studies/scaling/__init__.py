"""How many workers can one search keep busy?

    python -m benchmarks.run scaling --workers 1 4 16 64

The real search (PPO, ledger, Ray) with children replaced by sleeps, as long as the evaluations of a real search on
CIFAR-10 took. The efficiency is the time that workers sleep over their number times the time that the search takes;
the workers' start is left out. Beside it stands the limit: what it would be if nothing but the wait for the slowest
child of a batch took time. For the paper's 100 workers it is estimated: their limit, times the part of the limit that
the largest measured number of workers reached.
"""

import csv
import functools
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from benchmarks.studies.common import RESULTS
from benchmarks.studies.scaling import sleeping
from benchmarks.studies.scaling.measurement import MODES, compute_limit, measure, write_sleep
from neural_optimizer_search.command_line import number, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.workers.executor import MEASURE, Ask
from neural_optimizer_search.workers.ray_workers import RayWorker, start_ray
from neural_optimizer_search.workers.worker import Answer, Failed, Measured, Ready, StartAnswer

TITLE = "how many workers can one search keep busy?"
SECONDS = RESULTS / "cifar10_seconds.csv"
PAPER = 100  # workers (arXiv v2, section 4.2)


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    workers: Sequence[int] = flag((1, 4, 16, 64), "numbers of workers", parse=whole_number(1, 1_000), nargs="+")
    modes: Sequence[str] = flag(
        tuple(MODES),
        f"how the search waits, of {', '.join(map(repr, MODES))}",
        choices=MODES,
        nargs="+",
        metavar="MODE",
        default_text="all of these",
    )
    seconds: int = flag(60, "seconds of a measurement, at least", parse=whole_number(1, 100_000))
    quicker: float = flag(1.0, "divides the children's durations", parse=number(1e-3, 1e6))
    repeats: int = flag(1, "measurements of each mode with each number of workers", parse=whole_number(1, 1_000))


def run(config: Config) -> dict[str, Any]:
    """Measures every mode with every number of workers; returns the rows, and estimates for the paper's number."""
    tf.get_logger().setLevel("ERROR")  # it warns of each search's own trace
    slept = [duration / config.quicker for duration in read_durations()]
    found = _measure_all(slept, config)
    mean, deviation = statistics.mean(slept), statistics.stdev(slept)
    print(f"\nChildren: {mean:.1f} ± {deviation:.1f} s. {os.cpu_count()} cores.")
    print("\n| workers | mode | efficiency | limit | rules an hour | processor time a rule | staleness |")
    print("|---|---|---|---|---|---|---|")
    estimates = {}
    for workers in sorted(config.workers):
        for mode in config.modes:
            rows = [row for row in found if (row["workers"], row["mode"]) == (workers, mode)]
            limit = compute_limit(slept, workers, mode)
            print(f"| {workers} | {mode} | {_make_cells(rows, limit)} |")
            efficiency = float(np.mean([row["efficiency"] for row in rows]))
            estimates[mode] = compute_limit(slept, PAPER, mode) * efficiency / limit
    for mode, efficiency in estimates.items():
        limit = compute_limit(slept, PAPER, mode)
        print(f"| {PAPER}, estimated | {mode} | {efficiency:.1%} | {limit:.1%} | | | |")
    return dict(seconds=[mean, deviation], measured=found, estimated={PAPER: estimates})


class RaySleeper(RayWorker):
    """Puts into answers what an actor says that knows nothing of this package."""

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        return super().start(seconds) or Ready()

    def measure(self, rule: Any, seconds: float, ask: Ask = MEASURE) -> Answer:
        answer = super().measure(rule, seconds, ask)
        return answer if isinstance(answer, Failed) else Measured(write_sleep(*answer))


def read_durations() -> list[float]:
    """Seconds that evaluations took in the search of section 8 of the results."""
    with open(SECONDS, newline="") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)]


def _measure_all(slept, config):
    found = []
    with start_ray(cpus=max(config.workers)) as ray:
        # Else each worker imports this package, and with it TensorFlow: half a gigabyte and seven seconds.
        ray.cloudpickle.register_pickle_by_value(sleeping)
        make_worker = functools.partial(RaySleeper, ray, sleeping.Sleeping, environment={})
        for repeat in range(config.repeats):
            for workers in config.workers:
                for mode in config.modes:
                    row = measure(make_worker, workers, mode, slept, config.seconds, repeat)
                    found.append(dict(workers=workers, mode=mode, repeat=repeat, **row))
                    print(f"{workers} workers, {mode}: {row['efficiency']:.1%}", flush=True)
    return found


def _make_cells(rows, limit):
    efficiencies = [row["efficiency"] for row in rows]
    rate, processor, staleness = (
        statistics.mean(row[name] for row in rows)
        for name in ("rules_per_hour", "processor_ms_per_rule", "staleness")
    )
    lowest_and_highest = f" ({min(efficiencies):.1%} to {max(efficiencies):.1%})" if len(rows) > 1 else ""
    return (
        f"{np.mean(efficiencies):.1%}{lowest_and_highest} | {limit:.1%} | {rate:.0f} | {processor:.0f} ms | "
        f"{staleness:.1f}"
    )
