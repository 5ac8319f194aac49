"""Workers on a cluster, run by Ray: the queue and the workers of arXiv v2, section 3.3."""

import contextlib
import functools
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from neural_optimizer_search.command_line import import_package
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.workers.end_with_parent import ask_kernel
from neural_optimizer_search.workers.executor import MEASURE, Ask
from neural_optimizer_search.workers.measuring_worker import WORKER_ENVIRONMENT, MeasuringWorker, make_evaluator
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.ray_head import LOOK_SECONDS, head_of
from neural_optimizer_search.workers.worker import Answer, Failed, StartAnswer, Unmeasurable

# Ray's own switch, which it reads when it is imported: without clusters it has no need for another address.
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# Likewise: how often it knocks at a cluster, half a minute each; by its own default twenty times.
KNOCKS = "RAY_NUM_REDIS_GET_RETRIES"


class NoCluster(ConnectionError):
    """No Ray cluster answers at an address, or Ray does not start on this machine; the message says which."""


class RayWorker:
    """A `Worker` that is a Ray actor with a CPU of its own.

    Args:
      ray: The module, connected.
      actor: A class like `MeasuringWorker`, and its arguments.
      environment: Environment variables of its process.
    """

    def __init__(self, ray: Any, actor: type, *arguments: Any, environment: Mapping[str, str] = WORKER_ENVIRONMENT):
        self._ray, self._arguments, self._actor = ray, arguments, None
        self._head = head_of(ray)
        self._remote = ray.remote(num_cpus=1, runtime_env={"env_vars": dict(environment)})(actor)

    @property
    def started(self) -> bool:
        return self._actor is not None

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        """Waits also for a place on the cluster."""
        self._actor = self._remote.remote(*self._arguments)
        return self._answer(self._actor.prepare.remote(), seconds, "Its start, or a place for it on the cluster,")

    def measure(self, rule: Rule, seconds: float, ask: Ask = MEASURE) -> Answer:
        actor = self._actor
        if actor is None:
            return Failed("killed", "It was stopped.")
        return self._answer(actor.measure.remote(rule, ask), seconds)

    def stop(self) -> None:
        actor, self._actor = self._actor, None
        if actor is not None and not self._head.is_lost():
            self._ray.kill(actor)

    def _answer(self, reference, seconds, what="It"):
        ray, end = self._ray, math.inf if seconds is None else time.monotonic() + seconds
        try:
            while not self._head.is_lost():
                with contextlib.suppress(ray.exceptions.GetTimeoutError):
                    return ray.get(reference, timeout=max(0.0, min(LOOK_SECONDS, end - time.monotonic())))
                if time.monotonic() >= end:
                    return Failed("timeout", f"{what} took longer than the limit of {seconds:.0f} s.")
            return Unmeasurable(f"The Ray cluster at {self._head.address} does not answer any more.")
        except ray.exceptions.OutOfMemoryError:
            return Failed("out of memory", "Ray ended its process for want of memory.")
        except ray.exceptions.RayActorError as error:
            return Failed("killed", f"Its process or its node ended: {_lines(error)[-1]}")
        except ray.exceptions.RayError as error:
            return Failed("killed", f"Ray failed: {_lines(error)[-1]}")


def _lines(error):
    """The lines of its text, or its class if it has none."""
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]


@contextlib.contextmanager
def start_ray(workers: Optional[int] = None, address: Optional[str] = None) -> Iterator[Any]:
    """The module `ray`, connected.

    Args:
      workers: CPUs of a Ray that is started here; by default the machine's.
      address: Of a running cluster, such as "auto" or "host:6379". None starts Ray on this machine alone; if
        Ray was not imported before, it then listens on the loopback address only.

    Raises:
      MissingPackage: If Ray is not installed.
      NoCluster: If there is no cluster at the address, or none can be started.
    """
    if address:
        os.environ.setdefault(KNOCKS, "2")
    else:
        os.environ.setdefault(LOOPBACK, "0")
    ray = import_package("ray", "distributed", "--executor ray")
    # Without an address Ray would join whatever cluster was started last on this machine.
    here = dict(address="local", num_cpus=workers, include_dashboard=False)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(logging_level="ERROR", log_to_driver=False, **(dict(address=address) if address else here))
    except Exception as error:  # of many classes, by what is wrong with an address or a machine
        what = f"argument --ray_address: {address}: no Ray cluster answers" if address else "Ray does not start here"
        raise NoCluster(f"{what}: {_lines(error)[0]}") from error
    if signal.getsignal(signal.SIGTERM) is not handler:
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end the command, without a word
    head = head_of(ray)
    try:
        yield ray
    finally:
        if not head.is_lost():
            ray.shutdown()


def _make_evaluator(task, protocol, data_dir):
    # A worker sees by itself that Ray ended, unless it was stopped.
    ask_kernel()
    return make_evaluator(task, protocol, data_dir)


@contextlib.contextmanager
def ray_executor(
    task: Task,
    protocol: Protocol,
    data_dir: Optional[str] = None,
    workers: Optional[int] = None,
    address: Optional[str] = None,
) -> Iterator[WorkerPool]:
    """An `Executor` whose workers run on Ray.

    Args:
      task, protocol, data_dir: As for `Evaluator`; the task and the protocol must pickle, and every node of a cluster
        needs this package, the data, and the module of a task of your own.
      workers: Their number; by default as many as the cluster has CPUs.
      address: As for `start_ray`, which may raise.
    """
    # A node elsewhere has another file system.
    paths = {} if address else {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    make, environment = functools.partial(_make_evaluator, task, protocol, data_dir), {**WORKER_ENVIRONMENT, **paths}
    with start_ray(workers, address) as ray:
        count = workers or int(ray.cluster_resources()["CPU"])
        with WorkerPool(lambda: RayWorker(ray, MeasuringWorker, make, environment=environment), count) as pool:
            pool.start_timeout = None  # others may have the cluster's places for long
            yield pool
