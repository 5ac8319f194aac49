"""How many workers can one search keep busy?

    python -m benchmarks.scaling --workers 1 4 16 64

The real search (PPO, ledger, Ray) with children replaced by sleeps, as long as the evaluations of a real search on
CIFAR-10 took. The efficiency is the time that workers sleep over their number times the time that the search takes;
the workers' start is left out. Beside it stands the limit: what it would be if nothing but the wait for the slowest
child of a batch took time. For the paper's 100 workers it is estimated: their limit, times the part of the limit that
the largest measured number of workers reached.
"""

import argparse
import concurrent.futures
import contextlib
import csv
import dataclasses
import functools
import hashlib
import heapq
import json
import os
import pathlib
import statistics
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks import sleeping
from benchmarks.curves import RESULTS
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.loop import EvaluationRecorder, search
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.ray_workers import RayWorker, started_ray
from tf_agents_env.controllers import CONTROLLERS, Controller
from tf_agents_env.train import RULES_A_WORKER

SECONDS = RESULTS / "cifar10_seconds.csv"
SPACE = search_space("arxiv2017_no_decay", 2)
# Mode -> (rules a proposal, rules to keep in work or waiting), by the number of workers.
MODES = {
    "synchronous, batch 10": lambda workers: (10, 0),
    **{f"synchronous, batch {n} x workers": lambda workers, n=n: (n * workers, 0) for n in (4, 16, 32, 64)},
    "asynchronous, batch 10": lambda workers: (10, RULES_A_WORKER * workers),
}
PAPER = 100  # workers (arXiv v2, section 4.2)


def durations():
    """Seconds that evaluations took in the search of section 8 of the results."""
    with open(SECONDS, newline="") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)]


class Sleeper:
    """An executor: each rule takes a time drawn from the measured ones, the same whenever it is asked for."""

    def __init__(self, pool, durations):
        self._pool, self._durations = pool, durations
        self.slept = []

    def submit(self, rule):
        number = int(hashlib.sha1(rule.canonical().encode()).hexdigest()[:12], 16)
        future, done = self._pool.submit(self._durations[number % len(self._durations)]), concurrent.futures.Future()
        future.add_done_callback(lambda _: self._end(rule, number / 16**12, future, done))
        return done

    def _end(self, rule, reward, future, done):
        try:
            began, ended = future.result()
        except Exception as error:
            done.set_exception(error)
            return
        self.slept.append((began, ended))
        done.set_result(Evaluation(rule, reward, "ok", "Slept.", 0.1, reward, (reward,), (), ended - began))


def measured(make_worker, workers, mode, durations, seconds, seed):
    """What one search took, in steps of at least so many seconds together."""
    batch, ahead = MODES[mode](workers)
    config = dataclasses.replace(CONTROLLERS["ppo"]["fast"], batch_size=batch)
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ledger = stack.enter_context(contextlib.closing(Ledger(scratch / "ledger.sqlite", {})))
        pool = stack.enter_context(WorkerPool(make_worker, workers))
        list(pool([0.01] * 20 * workers))  # starts every worker
        sleeper = Sleeper(pool, durations)
        controller = Controller(SPACE, config, seed, scratch / "controller")
        steps = search(controller, EvaluationRecorder(sleeper, ledger), ledger, None, ahead)
        first = next(steps)  # traces the controller
        began, processor, staleness = time.time(), time.process_time(), []
        while time.time() < began + seconds:
            last = next(steps)
            staleness.append(last.staleness)
        ended, processor = time.time(), time.process_time() - processor
        if ahead:
            time.sleep(max(durations))  # those in work have slept a part of it
    busy = sum(max(0.0, min(end, ended) - max(start, began)) for start, end in sleeper.slept)
    rules = last.trained - first.trained
    return dict(
        efficiency=busy / workers / (ended - began),
        rules_per_hour=3600 * rules / (ended - began),
        seconds=ended - began,
        processor_ms_per_rule=1000 * processor / rules,
        staleness=statistics.mean(staleness),
    )


def limit(durations, workers, mode, batches=100):
    """The efficiency if a free worker had the next rule at once, and a batch the next batch."""
    batch, ahead = MODES[mode](workers)
    if ahead:
        return 1.0
    rng, busy, spent = np.random.default_rng(0), 0.0, 0.0
    for _ in range(batches):
        free = [0.0] * workers  # when each worker is
        for seconds in rng.choice(durations, batch):
            heapq.heapreplace(free, free[0] + seconds)
            busy += seconds
        spent += max(free)
    return busy / workers / spent


def main(argv=None):
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", nargs="+", type=whole_number(1), default=[1, 4, 16, 64])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--seconds", type=whole_number(1), default=60, help="of a measurement, at least")
    parser.add_argument("--quicker", type=float, default=1.0, help="divides the children's durations")
    parser.add_argument("--repeats", type=whole_number(1), default=1)
    arguments = parser.parse_args(argv)
    tf.get_logger().setLevel("ERROR")  # it warns of each search's own trace
    found, slept = [], [duration / arguments.quicker for duration in durations()]
    with started_ray(workers=max(arguments.workers)) as ray:
        # Else each worker imports this package, and with it TensorFlow: half a gigabyte and seven seconds.
        ray.cloudpickle.register_pickle_by_value(sleeping)
        make_worker = functools.partial(RayWorker, ray, sleeping.Sleeping, environment={})
        for repeat in range(arguments.repeats):
            for workers in arguments.workers:
                for mode in arguments.modes:
                    row = measured(make_worker, workers, mode, slept, arguments.seconds, repeat)
                    found.append(dict(workers=workers, mode=mode, repeat=repeat, **row))
                    print(f"{workers} workers, {mode}: {row['efficiency']:.1%}", flush=True)
    report(found, slept, arguments)


def report(found, slept, arguments):
    mean, deviation = statistics.mean(slept), statistics.stdev(slept)
    print(f"\nChildren: {mean:.1f} ± {deviation:.1f} s. {os.cpu_count()} cores.")
    print("\n| workers | mode | efficiency | limit | rules an hour | processor time a rule | staleness |")
    print("|---|---|---|---|---|---|---|")
    estimates = {}
    for workers in sorted(arguments.workers):
        for mode in arguments.modes:
            rows = [row for row in found if (row["workers"], row["mode"]) == (workers, mode)]
            e, most = [row["efficiency"] for row in rows], limit(slept, workers, mode)
            rate, processor, stale = (
                statistics.mean(row[name] for row in rows)
                for name in ("rules_per_hour", "processor_ms_per_rule", "staleness")
            )
            spread = f" ({min(e):.1%} to {max(e):.1%})" if len(e) > 1 else ""
            cells = f"{np.mean(e):.1%}{spread} | {most:.1%} | {rate:.0f} | {processor:.0f} ms | {stale:.1f}"
            print(f"| {workers} | {mode} | {cells} |")
            estimates[mode] = limit(slept, PAPER, mode) * float(np.mean(e)) / most
    for mode, efficiency in estimates.items():
        print(f"| {PAPER}, estimated | {mode} | {efficiency:.1%} | {limit(slept, PAPER, mode):.1%} | | | |")
    print(json.dumps(dict(seconds=[mean, deviation], measured=found, estimated={PAPER: estimates})))


if __name__ == "__main__":
    main()
