"""Searches with more workers than a machine has room for: only their sleeps are simulated.

The algorithm, the loop, the recorder and the ledger are the real ones, and a virtual clock goes on by the processor
time that they take. When the search waits, the clock jumps to the end of the next sleep. What a real pool would take
is charged instead (`charge_queue`).
"""

import concurrent.futures
import heapq
import itertools
import time
from collections.abc import Callable, Sequence

from benchmarks.studies.scaling.measurement import Asked, Sleeper, time_search, write_sleep
from neural_optimizer_search.search.recorder import EvaluationRecorder

# Of the parent's processor, measured with 40 real actors: for each rule, Ray's calls and the
# pool's threads; for each second of its child, looks whether the cluster is still there. What Ray takes where nothing
# happens, 5 ms a second, is left out.
RULE_SECONDS, SECOND_SECONDS = 0.95e-3, 0.08e-3


def charge_queue(seconds: float) -> float:
    """Seconds of the parent's processor that Ray and the pool's threads take for a rule whose child takes so long."""
    return RULE_SECONDS + SECOND_SECONDS * seconds


class VirtualWorkers:
    """A pool, and its clock: each sleep goes to the worker that is free first, and takes no real time.

    Args:
      workers: Their number.
      read_clock: Gives the processor time so far.
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
        self._numbers = itertools.count()  # those that end together wake in their order

    def time(self) -> float:
        """The time by the virtual clock."""
        return self.process_time() + self._jumped

    def process_time(self) -> float:
        """The part of it that the processor took."""
        return self._read_clock() + self._charged

    def sleep(self, seconds: float) -> None:
        """Lets time pass; whose sleep ends until then wakes."""
        self._jumped += seconds
        self._wake()

    def submit(self, seconds: float) -> concurrent.futures.Future:
        """A future of what `write_sleep` gives of one sleep."""
        self._charged += self._charge(seconds)
        began = max(self.time(), self._free[0])
        heapq.heapreplace(self._free, began + seconds)
        future = concurrent.futures.Future()
        heapq.heappush(self._asleep, (began + seconds, next(self._numbers), began, future))
        return future

    def wait(self) -> None:
        """Lets time pass until a sleep has ended; those that ended while the parent was busy wake with it."""
        if self._asleep:
            self._jumped += max(0.0, self._asleep[0][0] - self.time())
            self._wake(self._asleep[0][0])

    def _wake(self, least=0.0):
        # The clock is read once, and may be a rounding short of the end to which it jumped.
        now = max(self.time(), least)
        while self._asleep and self._asleep[0][0] <= now:
            ended, _, began, future = heapq.heappop(self._asleep)
            future.set_result(write_sleep(began, ended))


def simulate(pool: VirtualWorkers, asked: Asked, durations: Sequence[float], seconds: float) -> dict[str, float]:
    """What one search took by the virtual clock.

    Args:
      pool: `VirtualWorkers`, as many as are asked for, which nobody has used.
      asked: Which search.
      durations: Seconds that children take.
      seconds: Virtual seconds of the measurement, at least.
    """

    class Recorder(EvaluationRecorder):
        def wait(self):
            pool.wait()
            super().wait()

    return time_search(Sleeper(pool, durations), asked, max(durations), seconds, Recorder, pool)
