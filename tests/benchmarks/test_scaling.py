"""The measurement of efficiency, with workers that sleep in threads."""

import numpy as np
import pytest

from benchmarks import scaling
from benchmarks.sleeping import Sleeping


class Worker(Sleeping):
    """Sleeps in the thread that waits for it."""

    started = True

    def __call__(self, seconds, timeout):
        return self.measure(seconds)

    def stop(self):
        pass


@pytest.mark.parametrize("mode", ["synchronous, batch 10", "asynchronous, batch 10"])
def test_the_efficiency_is_the_share_of_time_in_which_workers_sleep(mode):
    row = scaling.measured(Worker, 20, mode, [0.2, 0.4], seconds=1, seed=0)
    # Half of the workers have nothing to do in a batch of ten.
    assert 0.0 < row["efficiency"] <= (0.5 if mode.startswith("synchronous") else 1.0)
    assert row["rules_per_hour"] <= 3600 * 20 / 0.2
    assert (row["staleness"] > 0) == mode.startswith("asynchronous")


def test_the_durations_were_measured():
    durations = scaling.durations()
    assert len(durations) > 200 and 10 < sum(durations) / len(durations) < 30


def test_the_limit_by_hand():
    # One worker never waits; of four with batches of ten as long as each other, two are free in the last round.
    assert scaling.limit([2.0, 5.0], 1, "synchronous, batch 10") == 1.0
    assert scaling.limit([3.0], 4, "synchronous, batch 10") == pytest.approx(10 / 12)
    assert scaling.limit([2.0, 5.0], 4, "asynchronous, batch 10") == 1.0
    # Two workers and batches of eight: one draw of one batch, scheduled by hand in its order.
    draw = np.random.default_rng(0).choice([1.0, 4.0], 8)
    free = [0.0, 0.0]
    for seconds in draw:
        free[int(free[1] < free[0])] += seconds
    expected = draw.sum() / 2 / max(free)
    assert scaling.limit([1.0, 4.0], 2, "synchronous, batch 4 x workers", batches=1) == pytest.approx(expected)
