"""Searches with real workers that sleep: Ray actors, each in a process of its own."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Optional

from benchmarks.studies.scaling import sleeping
from benchmarks.studies.scaling.measurement import Asked, Sleeper, time_search, write_sleep
from neural_optimizer_search.workers.executor import MEASURE, Ask
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.ray_workers import RayWorker, start_ray
from neural_optimizer_search.workers.worker import Answer, Failed, Measured, Ready, StartAnswer

_NOTHING: Any = None  # in place of an `Ask`: to unpickle one, an actor would import this package


class RaySleeper(RayWorker):
    """Makes answers from the results of an actor that does not import this package."""

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        return super().start(seconds) or Ready()

    def measure(self, rule: Any, seconds: float, ask: Ask = MEASURE) -> Answer:
        answer = super().measure(rule, seconds, _NOTHING)
        return answer if isinstance(answer, Failed) else Measured(write_sleep(*answer))


def measure_with_ray(
    asked: Sequence[Asked], durations: Sequence[float], seconds: float
) -> Iterator[tuple[Asked, dict[str, float]]]:
    """Yields each search with its figures.

    Args:
      asked: The searches to measure; if there are none, Ray does not start.
      durations: Seconds that children take.
      seconds: Minimum seconds of a measurement.
    """
    if not asked:
        return
    with start_ray(cpus=max(one.workers for one in asked)) as ray:
        # Otherwise, each worker imports this package, and with it TensorFlow: half a gigabyte and seven seconds.
        ray.cloudpickle.register_pickle_by_value(sleeping)
        make_worker = functools.partial(RaySleeper, ray, sleeping.Sleeping, environment={})
        for one in asked:
            yield one, measure(make_worker, one, durations, seconds)


def measure(
    make_worker: Callable[[], Any], asked: Asked, durations: Sequence[float], seconds: float
) -> dict[str, float]:
    """The figures of one search.

    Args:
      make_worker: Makes a `Worker` that sleeps.
      asked: The search to measure.
      durations: Seconds that children take.
      seconds: Minimum seconds of the measurement.
    """
    with WorkerPool([make_worker() for _ in range(asked.workers)]) as pool:
        list(pool([0.01] * 20 * asked.workers))  # starts every worker
        return time_search(Sleeper(pool, durations), asked, max(durations), seconds)
