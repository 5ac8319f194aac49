"""Searches with real workers that sleep: Ray's actors, each a process of its own."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Optional

from benchmarks.studies.scaling import sleeping
from benchmarks.studies.scaling.measurement import Asked, Sleeper, time_search, write_sleep
from neural_optimizer_search.workers.executor import MEASURE, Ask
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.ray_workers import RayWorker, start_ray
from neural_optimizer_search.workers.worker import Answer, Failed, Measured, Ready, StartAnswer

_NOTHING: Any = None  # is asked: to unpickle an `Ask`, an actor would import this package


class RaySleeper(RayWorker):
    """Puts into answers what an actor says that knows nothing of this package."""

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        return super().start(seconds) or Ready()

    def measure(self, rule: Any, seconds: float, ask: Ask = MEASURE) -> Answer:
        answer = super().measure(rule, seconds, _NOTHING)
        return answer if isinstance(answer, Failed) else Measured(write_sleep(*answer))


def measure_with_ray(
    asked: Sequence[Asked], durations: Sequence[float], seconds: float
) -> Iterator[tuple[Asked, dict[str, float]]]:
    """Yields what was asked with what each search took.

    Args:
      asked: What is measured; of none, Ray does not start.
      durations: Seconds that children take.
      seconds: Seconds of a measurement, at least.
    """
    if not asked:
        return
    with start_ray(cpus=max(one.workers for one in asked)) as ray:
        # Else each worker imports this package, and with it TensorFlow: half a gigabyte and seven seconds.
        ray.cloudpickle.register_pickle_by_value(sleeping)
        make_worker = functools.partial(RaySleeper, ray, sleeping.Sleeping, environment={})
        for one in asked:
            yield one, measure(make_worker, one, durations, seconds)


def measure(
    make_worker: Callable[[], Any], asked: Asked, durations: Sequence[float], seconds: float
) -> dict[str, float]:
    """What one search took.

    Args:
      make_worker: Makes a `Worker` that sleeps.
      asked: What is measured.
      durations: Seconds that children take.
      seconds: Seconds of the measurement, at least.
    """
    with WorkerPool([make_worker() for _ in range(asked.workers)]) as pool:
        list(pool([0.01] * 20 * asked.workers))  # starts every worker
        return time_search(Sleeper(pool, durations), asked, max(durations), seconds)
