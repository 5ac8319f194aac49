"""How many workers can one search keep busy?

    python -m benchmarks.run scaling --workers 1 4 16 64
    python -m benchmarks.run scaling --workers --simulated 256 1000 --modes "asynchronous, batch 10"

The search is real (PPO, ledger, Ray), but its children are replaced by sleeps as long as the evaluations of a real
search on CIFAR-10. The efficiency is the workers' total time asleep, divided by their number and by the duration of
the search, without the workers' start. The limit is the efficiency if nothing but the wait for the slowest child of a
batch took time. More workers than fit on a machine are simulated: the search is still real, but runs in virtual time,
in which nobody sleeps (see `simulation`).
"""

import csv
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from benchmarks.studies.common import RESULTS
from benchmarks.studies.scaling.measurement import Asked
from benchmarks.studies.scaling.modes import MODES, compute_limit
from benchmarks.studies.scaling.real import measure_with_ray
from benchmarks.studies.scaling.simulation import VirtualWorkers, simulate
from neural_optimizer_search.command_line import number, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.workers.placement import count_cores

TITLE = "how many workers can one search keep busy?"
SECONDS = RESULTS / "cifar10_seconds.csv"
MEASURED, SIMULATED = "measured", "simulated"
COLUMNS = ("rules_per_hour", "algorithm_ms_per_rule", "other_ms_per_rule", "staleness")


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    workers: Sequence[int] = flag((1, 4, 16, 64), "numbers of real workers", parse=whole_number(1, 1_000), nargs="*")
    simulated: Sequence[int] = flag((), "numbers of workers to simulate", parse=whole_number(1, 10_000), nargs="*")
    modes: Sequence[str] = flag(
        tuple(MODES),
        f"how the search waits, from {', '.join(map(repr, MODES))}",
        choices=MODES,
        nargs="+",
        metavar="MODE",
        default_text="all of these",
    )
    seconds: int = flag(60, "minimum seconds of a measurement", parse=whole_number(1, 100_000))
    quicker: float = flag(1.0, "divides the children's durations", parse=number(1e-3, 1e6))
    repeats: int = flag(1, "measurements of each mode with each number of workers", parse=whole_number(1, 1_000))


def run(config: Config) -> dict[str, Any]:
    """Measures and simulates every mode; returns the rows, and how far both differ at the same number of workers."""
    tf.get_logger().setLevel("ERROR")  # it warns about the trace of each search
    slept = [duration / config.quicker for duration in read_durations()]
    found = list(_find_all(slept, config))
    mean, deviation = statistics.mean(slept), statistics.stdev(slept)
    print(f"\nChildren: {mean:.1f} ± {deviation:.1f} s. {count_cores()} cores.\n")
    print(
        "| workers | mode | | efficiency | limit | rules an hour | the algorithm, per rule | the rest, per rule "
        "| staleness |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for (workers, mode), rows in _group(found, "workers", "mode"):
        limit = compute_limit(slept, workers, mode)
        for (by,), those in _group(rows, "by"):
            print(f"| {workers} | {mode} | {by} | {_make_cells(those, limit)} |")
    return dict(seconds=[mean, deviation], rows=found, differences=find_differences(found))


def read_durations() -> list[float]:
    """The seconds of the evaluations in the search of section 8 of the results."""
    with open(SECONDS, newline="") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)]


def find_differences(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How far the mean efficiency of simulations exceeds that of measurements with as many workers.

    Args:
      rows: Rows with `workers`, `mode`, `by` and `efficiency`.
    """
    differences = []
    for (workers, mode), those in _group(rows, "workers", "mode"):
        means = {by: statistics.mean(row["efficiency"] for row in some) for (by,), some in _group(those, "by")}
        if len(means) == 2:
            found = means[SIMULATED] - means[MEASURED]
            differences.append(dict(workers=workers, mode=mode, difference=found))
    return differences


def _find_all(slept, config):
    """Yields a row for each measurement and each simulation."""
    asked, to_simulate = (
        list(itertools.starmap(Asked, itertools.product(workers, config.modes, range(config.repeats))))
        for workers in (config.workers, config.simulated)
    )
    simulated = ((one, simulate(VirtualWorkers(one.workers), one, slept, config.seconds)) for one in to_simulate)
    for by, rows in ((MEASURED, measure_with_ray(asked, slept, config.seconds)), (SIMULATED, simulated)):
        for one, row in rows:
            print(f"{one.workers} workers, {one.mode}, {by}: {row['efficiency']:.1%}", flush=True)
            yield dict(one._asdict(), by=by, **row)


def _group(rows, *names):
    """Pairs (values of these names, the rows that have them), in the order of the values."""

    def find_values(row):
        return tuple(row[name] for name in names)

    return [(values, list(those)) for values, those in itertools.groupby(sorted(rows, key=find_values), find_values)]


def _make_cells(rows, limit):
    efficiencies = [row["efficiency"] for row in rows]
    rate, algorithm, rest, staleness = (statistics.mean(row[name] for row in rows) for name in COLUMNS)
    lowest_and_highest = f" ({min(efficiencies):.1%} to {max(efficiencies):.1%})" if len(rows) > 1 else ""
    return (
        f"{statistics.mean(efficiencies):.1%}{lowest_and_highest} | {limit:.1%} | {rate:.0f} | {algorithm:.1f} ms | "
        f"{rest:.1f} ms | {staleness:.1f}"
    )
