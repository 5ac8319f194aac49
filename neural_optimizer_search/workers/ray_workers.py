"""Workers on a cluster, run by Ray: the queue and the workers of arXiv v2, section 3.3."""

import contextlib
import functools
import os
import sys

from neural_optimizer_search.workers.pool import Failure, WorkerPool
from neural_optimizer_search.workers.processes import WORKER_ENVIRONMENT, Measuring, evaluator, understood

# Ray's own switch, which it reads when it is imported: without clusters it has no need for another address.
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# Likewise: how often it knocks at a cluster, half a minute each; by its own default twenty times.
KNOCKS = "RAY_NUM_REDIS_GET_RETRIES"


class RayMissing(ImportError):
    """Ray is not installed."""


class RayWorker:
    """A worker that is a Ray actor with a CPU of its own; see `WorkerPool`.

    Args:
      ray: The module.
      actor: A class like `Measuring`, and its arguments.
      environment: Environment variables of its process.
    """

    def __init__(self, ray, actor, *arguments, environment=WORKER_ENVIRONMENT):
        self._ray, self._arguments, self._actor = ray, arguments, None
        self._remote = ray.remote(num_cpus=1, runtime_env={"env_vars": environment})(actor)

    @property
    def started(self):
        return self._actor is not None

    def start(self):
        """However long the cluster has no place for it."""
        self._actor = self._remote.remote(*self._arguments)
        self._answer(self._actor.ready.remote(), None)

    def __call__(self, rule, seconds):
        actor = self._actor
        if actor is None:
            raise Failure("killed", "It was stopped.")
        return self._answer(actor.measure.remote(rule), seconds)

    def _answer(self, reference, seconds):
        ray = self._ray
        try:
            return understood(ray.get(reference, timeout=seconds))
        except ray.exceptions.GetTimeoutError:
            raise Failure("timeout", f"It took longer than {seconds:.0f} seconds.") from None
        except ray.exceptions.OutOfMemoryError:
            raise Failure("out of memory", "Ray ended its process for want of memory.") from None
        except ray.exceptions.RayActorError as error:
            reason = str(error).strip().splitlines()[-1]
            raise Failure("killed", f"Its process or its node ended: {reason}") from None

    def stop(self):
        actor, self._actor = self._actor, None
        if actor is not None:
            self._ray.kill(actor)


@contextlib.contextmanager
def started_ray(workers=None, address=None):
    """The module `ray`, connected.

    Args:
      workers: CPUs of a Ray that is started here; by default the machine's.
      address: Of a running cluster, such as "auto" or "host:6379". None starts Ray on this machine alone; if
        Ray was not imported before, it then listens on the loopback address only.

    Raises:
      RayMissing: If Ray is not installed.
      ConnectionError: If there is no cluster at the address.
    """
    if address:
        os.environ.setdefault(KNOCKS, "2")
    else:
        os.environ.setdefault(LOOPBACK, "0")
    try:
        import ray
    except ImportError:
        raise RayMissing(
            "--executor ray needs Ray: pip install 'neural-optimizer-search[distributed]', or use --executor local."
        ) from None
    # Without an address Ray would join whatever cluster was started last on this machine.
    here = dict(address="local", num_cpus=workers, include_dashboard=False)
    ray.init(logging_level="ERROR", log_to_driver=False, **(dict(address=address) if address else here))
    try:
        yield ray
    finally:
        ray.shutdown()


@contextlib.contextmanager
def ray_executor(task, protocol, data_dir=None, workers=None, address=None):
    """A `WorkerPool` on Ray.

    Args:
      task, protocol, data_dir: As for `Evaluator`; the task and the protocol must pickle, and every node of a cluster
        needs this package, the data, and the module of a task of your own.
      workers: Their number; by default as many as the cluster has CPUs.
      address: As for `started_ray`, which may raise.
    """
    # A node elsewhere has another file system.
    paths = {} if address else {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    make, environment = functools.partial(evaluator, task, protocol, data_dir), {**WORKER_ENVIRONMENT, **paths}
    with started_ray(workers, address) as ray:
        count = workers or int(ray.cluster_resources()["CPU"])
        with WorkerPool(lambda: RayWorker(ray, Measuring, make, environment=environment), count) as pool:
            yield pool
