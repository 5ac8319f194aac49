"""Workers on a cluster, run by Ray: the queue and the workers of arXiv v2, section 3.3."""

import contextlib
import functools
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from neural_optimizer_search.command_line import import_package
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.progress import Progress
from neural_optimizer_search.tasks.joint_task import Measurable
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.workers.end_with_parent import ask_kernel
from neural_optimizer_search.workers.executor import LONGEST_SILENCE, MEASURE, Ask
from neural_optimizer_search.workers.measuring_worker import MeasuringWorker, make_evaluator
from neural_optimizer_search.workers.placement import (
    ALL,
    HIDDEN,
    ONE_THREAD,
    VISIBLE,
    Misplaced,
    Share,
    Wanted,
    find_gpus,
    place,
    place_here,
)
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.ray_head import LOOK_SECONDS, answers, head_of
from neural_optimizer_search.workers.worker import USE_LESS, Answer, Failed, StartAnswer, Unmeasurable, cannot_send

# Ray reads this switch when it is imported: without clusters, it needs no other address.
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# Likewise: it leaves the GPUs that actors without a GPU see to us. If this is not set, Ray warns.
NO_OVERRIDE = "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"
# Likewise: how often it tries to reach a cluster, and for how many seconds each time; its own defaults are 20 and 30.
PATIENCE = {"RAY_NUM_REDIS_GET_RETRIES": "1", "RAY_py_gcs_connect_timeout_s": "10"}
# The thread of an actor that reports the progress of its training, and the interval at which it is asked.
PROGRESS, PROGRESS_SECONDS = "progress", 20.0


class NoCluster(ConnectionError):
    """No Ray cluster answers at an address, or Ray does not start on this machine; the message says which."""


class RayWorker:
    """A `Worker` that is a Ray actor with its own CPUs, and a GPU or a part of one.

    Args:
      ray: The module `ray`, connected to a cluster.
      actor: A class like `MeasuringWorker`.
      *arguments: The arguments of the class.
      share: Its `Share`.
      environment: Further environment variables of its process.
    """

    def __init__(
        self,
        ray: Any,
        actor: type,
        *arguments: Any,
        share: Share = ONE_THREAD,
        environment: Optional[Mapping[str, str]] = None,
    ):
        self._ray, self._arguments, self._actor = ray, arguments, None
        self._head = head_of(ray)
        hidden = {} if share.of_gpu else {VISIBLE: HIDDEN}
        given = {"env_vars": {**share.environment, **hidden, **(environment or {})}}
        wanted = dict(num_cpus=share.threads, num_gpus=share.of_gpu, runtime_env=given)
        # A second thread reports the progress of the first.
        self._remote = ray.remote(concurrency_groups={PROGRESS: 1}, **wanted)(actor)
        self._progress: Optional[Progress] = None
        self._needs_place = False

    @property
    def started(self) -> bool:
        return self._actor is not None

    @property
    def needs_place(self) -> bool:
        return self._needs_place

    @property
    def progress(self) -> Optional[Progress]:
        return self._progress

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        """Starts the worker, which may wait for a place on the cluster."""
        began = time.monotonic()
        self._actor = actor = self._remote.remote(*self._arguments)
        self._needs_place = True
        try:
            placed = self._answer(actor.__ray_ready__.remote(), seconds, "Finding a place for it on the cluster")
        finally:
            self._needs_place = False
        if isinstance(placed, (Failed, Unmeasurable)):
            return placed
        return self._answer(actor.prepare.remote(), seconds, "Its start", began=began)

    def measure(self, rule: Rule, seconds: float, ask: Ask = MEASURE) -> Answer:
        actor = self._actor
        if actor is None:
            return Failed("killed", "It was stopped.")
        try:
            reference = actor.measure.remote(rule, ask)
        except Exception as error:  # what was asked does not pickle, so that nothing was sent
            return cannot_send(error)
        return self._answer(reference, seconds, actor=actor)

    def stop(self) -> None:
        actor, self._actor = self._actor, None
        if actor is not None and not self._head.is_lost():
            self._ray.kill(actor)

    def _answer(self, reference, seconds, what="It", actor=None, began=None):
        ray, heard = self._ray, time.monotonic()
        looked, end = heard, math.inf if seconds is None else (began or heard) + seconds
        try:
            while not self._head.is_lost():
                with contextlib.suppress(ray.exceptions.GetTimeoutError):
                    return ray.get(reference, timeout=max(0.0, min(LOOK_SECONDS, end - time.monotonic())))
                now = time.monotonic()
                if now >= end:
                    return Failed("timeout", f"{what} took longer than the limit of {seconds:.0f} s.")
                if actor is not None and now >= looked + PROGRESS_SECONDS:
                    looked, heard = now, now if self._look(actor) else heard
                    if now >= heard + LONGEST_SILENCE:
                        return Failed("timeout", f"{what} reported no progress for {LONGEST_SILENCE} s.")
            return Unmeasurable(f"The Ray cluster at {self._head.address} does not answer any more.")
        except ray.exceptions.OutOfMemoryError:
            return Failed("out of memory", f"Ray ended the worker's process because memory ran out. {USE_LESS}")
        except ray.exceptions.RayActorError as error:
            return Failed("killed", f"The worker's process or its node ended. Ray says: {_lines(error)[-1]}")
        except ray.exceptions.RayError as error:
            return Failed("killed", f"Ray failed: {_lines(error)[-1]}")
        finally:
            self._progress = None

    def _look(self, actor):
        """Whether the training has advanced since the last check."""
        before = self._progress
        with contextlib.suppress(self._ray.exceptions.GetTimeoutError):
            asked = actor.progress.options(concurrency_group=PROGRESS).remote()
            self._progress = self._ray.get(asked, timeout=LOOK_SECONDS)
        return self._progress != before


def _is_host_and_port(address):
    return "://" not in address and address.rpartition(":")[2].isdigit()


def _lines(error):
    """The lines of an error's text, or the name of its class if it has none."""
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]


@contextlib.contextmanager
def start_ray(cpus: Optional[int] = None, address: Optional[str] = None, gpus: int = 0) -> Iterator[Any]:
    """Connects to Ray and yields the module `ray`.

    Args:
      cpus: Number of CPUs if Ray is started here; by default the machine's.
      address: Address of a running cluster, such as "auto" or "host:6379". None starts Ray on this machine alone; if
        Ray was not imported before, it then listens on the loopback address only.
      gpus: Number of GPUs if Ray is started here.

    Raises:
      MissingPackage: If Ray is not installed.
      NoCluster: If there is no cluster at the address, or none can be started.
    """
    for name, value in {**(PATIENCE if address else {LOOPBACK: "0"}), NO_OVERRIDE: "0"}.items():
        os.environ.setdefault(name, value)
    ray = import_package("ray", "distributed", "--executor ray")
    if address and _is_host_and_port(address) and not answers(address):  # Ray would take longer, and print more
        raise NoCluster(
            f"argument --ray_address: nothing answers at {address}. Start a cluster there: ray start --head"
        )
    # Without an address, Ray would join whichever cluster was started last on this machine.
    here = dict(address="local", num_cpus=cpus, num_gpus=gpus, include_dashboard=False)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(logging_level="ERROR", log_to_driver=False, **(dict(address=address) if address else here))
    except Exception as error:  # its class depends on what is wrong with the address or the machine
        said = _lines(error)[0].rstrip(".")
        raise NoCluster(
            f"argument --ray_address: Ray does not connect to {address}: {said}. Is a cluster running there? If it "
            "demands a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here too."
            if address
            else f"Ray does not start here: {said}."
        ) from error
    if signal.getsignal(signal.SIGTERM) is not handler:
        signal.signal(signal.SIGTERM, handler)  # Ray's own handler would end the command silently
    head = head_of(ray)
    try:
        yield ray
    finally:
        if not head.is_lost():
            ray.shutdown()


def _make_evaluator(task, protocol, data_dir, share):
    # A worker notices by itself that Ray has ended, unless it is stopped.
    ask_kernel()
    return make_evaluator(task, protocol, data_dir, share)


def count_places(cpus: Sequence[int], wanted: Wanted) -> int:
    """The number of workers that fit on the nodes of a cluster at the same time.

    Args:
      cpus: The CPUs of each node.
      wanted: Resources of the workers.

    Raises:
      Misplaced: If no node can ever hold a worker.
    """
    most = max(cpus, default=0)
    if not most:
        raise Misplaced(
            "argument --ray_address: must be a cluster with CPUs. No node there has any. Wait until its nodes have "
            "joined, or start one: ray start --address ..."
        )
    if wanted.threads > most:
        raise Misplaced(
            f"argument --threads_per_worker: must be at most {most}, the CPUs of the cluster's largest node. "
            f"Received: {wanted.threads}."
        )
    return sum(count // wanted.threads for count in cpus)


@contextlib.contextmanager
def ray_executor(
    task: Measurable,
    protocol: Protocol,
    data_dir: Optional[str] = None,
    wanted: Wanted = ALL,
    address: Optional[str] = None,
) -> Iterator[WorkerPool]:
    """An `Executor` whose workers run on Ray.

    Args:
      task, protocol, data_dir: See `Evaluator`; the task and the protocol must pickle, and every node of a cluster
        needs this package, the data, and the module of your own task.
      wanted: Resources of the workers; by default, there is one worker per GPU of the cluster, or per CPU.
      address: See `start_ray`, which may raise.

    Raises:
      Misplaced: When it is entered, if the workers cannot have these resources.
    """
    # A node elsewhere has another file system.
    paths = {} if address else {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    make = functools.partial(_make_evaluator, task, protocol, data_dir)
    # Ray starts here with as many CPUs as the workers have threads, although the machine may have fewer.
    here = [] if address else place_here(wanted).shares
    gpus = 0 if address else len(find_gpus())
    with start_ray(sum(share.threads for share in here) or None, address, gpus) as ray:
        has = ray.cluster_resources()
        cpus = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        room = count_places(cpus, wanted)
        placed = place(wanted, sum(cpus), [None] * int(has.get("GPU", 0)))
        crew = [
            RayWorker(ray, MeasuringWorker, functools.partial(make, share), share=share, environment=paths)
            for share in placed.shares
        ]
        told = "" if room >= len(crew) else f"; its nodes have CPUs for {room} of them, and the others wait"
        with WorkerPool(crew, f"{placed}, run by Ray{told}") as pool:
            pool.start_timeout = None  # others may occupy the cluster for long
            yield pool
