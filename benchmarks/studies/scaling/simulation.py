"""Searches with more workers than fit on a machine: only their sleeps are simulated.

The algorithm, the loop, the recorder and the ledger are real, and a virtual clock advances by their processor time.
When the search waits, the clock jumps to the end of the next sleep. The time that a real pool would take is charged
by `charge_queue`.
"""

import concurrent.futures
import heapq
import itertools
import time
from collections.abc import Callable, Sequence

from benchmarks.studies.scaling.measurement import Asked, Sleeper, time_search, write_sleep
from neural_optimizer_search.search.recorder import EvaluationRecorder

# Seconds of the parent's processor, measured with 40 real actors: per rule, for Ray's calls and the pool's threads;
# per second of its child, for checks that the cluster is still there. Ray's cost when idle, 5 ms per second, is left
# out.
RULE_SECONDS, SECOND_SECONDS = 0.95e-3, 0.08e-3


def charge_queue(seconds: float) -> float:
    """Seconds of the parent's processor that Ray and the pool's threads take for a rule with a child of `seconds`."""
    return RULE_SECONDS + SECOND_SECONDS * seconds


class VirtualWorkers:
    """A pool and its clock: each sleep goes to the worker that is free first, and takes no real time.

    Args:
      workers: Number of workers.
      read_clock: Returns the processor time so far.
      charge: Seconds of a sleep -> seconds of the parent's processor that a real pool takes for it.
    """

    def __init__(
        self,
        workers: int,
        read_clock: Callable[[], float] = time.process_time,
        charge: Callable[[float], float] = charge_queue,
    ):
        self._read_clock, self._charge = read_clock, charge
        self._charged = self._jumped = 0.0
        self._free, self._asleep = [0.0] * workers, []
        self._numbers = itertools.count()  # sleeps that end together wake in their order

    def time(self) -> float:
        """The time by the virtual clock."""
        return self.process_time() + self._jumped

    def process_time(self) -> float:
        """The part of the virtual time that the processor took."""
        return self._read_clock() + self._charged

    def sleep(self, seconds: float) -> None:
        """Lets time pass, and wakes the sleeps that end in it."""
        self._jumped += seconds
        self._wake()

    def submit(self, seconds: float) -> concurrent.futures.Future:
        """A future of one sleep, as `write_sleep` writes it."""
        self._charged += self._charge(seconds)
        began = max(self.time(), self._free[0])
        heapq.heapreplace(self._free, began + seconds)
        future = concurrent.futures.Future()
        heapq.heappush(self._asleep, (began + seconds, next(self._numbers), began, future))
        return future

    def wait(self) -> None:
        """Lets time pass until a sleep ends; sleeps that ended while the parent was busy wake with it."""
        if self._asleep:
            self._jumped += max(0.0, self._asleep[0][0] - self.time())
            self._wake(self._asleep[0][0])

    def _wake(self, least=0.0):
        # The clock is read once, and rounding may leave it just short of the end to which it jumped.
        now = max(self.time(), least)
        while self._asleep and self._asleep[0][0] <= now:
            ended, _, began, future = heapq.heappop(self._asleep)
            future.set_result(write_sleep(began, ended))


def simulate(pool: VirtualWorkers, asked: Asked, durations: Sequence[float], seconds: float) -> dict[str, float]:
    """The figures of one search by the virtual clock.

    Args:
      pool: Unused `VirtualWorkers`, as many as `asked` has.
      asked: The search to measure.
      durations: Seconds that children take.
      seconds: Minimum virtual seconds of the measurement.
    """

    class Recorder(EvaluationRecorder):
        def wait(self):
            pool.wait()
            super().wait()

    return time_search(Sleeper(pool, durations), asked, max(durations), seconds, Recorder, pool)
