"""The measurement of efficiency, with workers that sleep by a clock that only they move."""

import concurrent.futures
import heapq
import itertools

import numpy as np
import pytest

from benchmarks.studies import scaling
from benchmarks.studies.scaling.measurement import (
    Sleeper,
    compute_limit,
    count_seconds,
    measure,
    time_search,
    write_sleep,
)
from benchmarks.studies.scaling.sleeping import Sleeping
from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.executor import MEASURE
from neural_optimizer_search.workers.worker import Measured


class VirtualWorkers:
    """A pool and a clock: each sleep goes to the worker that is free first, and takes no real time."""

    def __init__(self, workers):
        self._now, self._free, self._asleep = 0.0, [0.0] * workers, []
        self._numbers = itertools.count()  # those that end together wake in their order

    def submit(self, seconds):
        began = max(self._now, self._free[0])
        heapq.heapreplace(self._free, began + seconds)
        future = concurrent.futures.Future()
        heapq.heappush(self._asleep, (began + seconds, next(self._numbers), began, future))
        return future

    def wake_one(self):
        ended, _, began, future = heapq.heappop(self._asleep)
        self._now = ended
        future.set_result(write_sleep(began, ended))

    def time(self):
        return self._now

    def sleep(self, seconds):
        until = self._now + seconds
        while self._asleep and self._asleep[0][0] <= until:
            self.wake_one()
        self._now = until


def search_virtually(workers, mode, durations, seconds):
    """What one search took by the virtual clock."""
    pool = VirtualWorkers(workers)

    class Recorder(EvaluationRecorder):
        def wait(self):
            pool.wake_one()
            super().wait()

    return time_search(Sleeper(pool, durations), workers, mode, max(durations), seconds, 0, Recorder, pool)


def test_half_of_the_workers_have_nothing_to_do_in_a_batch_of_ten():
    row = search_virtually(20, "synchronous, batch 10", [3.0], seconds=30)
    assert row["seconds"] == pytest.approx(30)
    # A batch of ten takes three seconds, and what it repeats is not trained.
    assert 0.4 < row["efficiency"] <= 0.5
    assert row["rules_per_hour"] == pytest.approx(3600 * row["efficiency"] * 20 / 3.0)
    assert row["staleness"] == 0


def test_a_synchronous_batch_waits_for_its_slowest_child():
    assert search_virtually(20, "synchronous, batch 10", [2.0, 4.0], seconds=30)["efficiency"] < 0.4


def test_asynchronous_workers_never_wait():
    row = search_virtually(20, "asynchronous, batch 10", [2.0, 4.0], seconds=30)
    assert row["efficiency"] == pytest.approx(1.0)
    assert row["staleness"] > 0


def test_a_sleep_counts_as_far_as_it_lies_within_the_measurement():
    slept = [(0.0, 1.0), (1.0, 3.0), (2.5, 3.5), (3.0, 9.0), (5.0, 6.0)]
    assert count_seconds(slept, 2.0, 4.0) == pytest.approx(0.0 + 1.0 + 1.0 + 1.0 + 0.0)


def test_a_rule_always_takes_the_same_time_and_has_the_same_reward():
    pool = VirtualWorkers(1)
    sleeper = Sleeper(pool, [1.0, 2.0, 3.0, 4.0])
    futures = [sleeper.submit(parse_formula(formula)) for formula in ("g * m", "sign(g)", "g * m")]
    for _ in futures:
        pool.wake_one()
    first, other, again = (future.result() for future in futures)
    assert (again.seconds, again.reward) == (first.seconds, first.reward)
    assert other.reward != first.reward
    assert sum(end - began for began, end in sleeper.slept) == pool.time()


class Worker(Sleeping):
    """Sleeps in the thread that waits for it."""

    started, progress = True, None

    def measure(self, rule, seconds, ask=MEASURE):
        return Measured(write_sleep(*super().measure(rule)))

    def stop(self):
        pass


def test_real_workers_sleep_part_of_the_time():
    row = measure(Worker, 2, "synchronous, batch 10", [0.001], seconds=0, seed=0)
    assert 0.0 < row["efficiency"] <= 1.0 and row["seconds"] > 0.0


def test_the_durations_were_measured():
    durations = scaling.read_durations()
    assert len(durations) > 200 and 10 < sum(durations) / len(durations) < 30


def test_the_limit_by_hand():
    # One worker never waits; of four with batches of ten as long as each other, two are free in the last round.
    assert compute_limit([2.0, 5.0], 1, "synchronous, batch 10") == 1.0
    assert compute_limit([3.0], 4, "synchronous, batch 10") == pytest.approx(10 / 12)
    assert compute_limit([2.0, 5.0], 4, "asynchronous, batch 10") == 1.0
    # Two workers and batches of eight: one draw of one batch, scheduled by hand in its order.
    draw = np.random.default_rng(0).choice([1.0, 4.0], 8)
    free = [0.0, 0.0]
    for seconds in draw:
        free[int(free[1] < free[0])] += seconds
    expected = draw.sum() / 2 / max(free)
    assert compute_limit([1.0, 4.0], 2, "synchronous, batch 4 x workers", batches=1) == pytest.approx(expected)
