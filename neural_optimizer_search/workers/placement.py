"""The resources of a worker: its threads, and a GPU or a part of one.

GPUs are named as in `CUDA_VISIBLE_DEVICES`. A worker sees only its own GPU, and the parent, whose controller is
small, sees none, because TensorFlow takes all the memory of the GPUs that it sees.
"""

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple, Optional

import tensorflow as tf

from neural_optimizer_search.plurals import count_of

VISIBLE, HIDDEN = "CUDA_VISIBLE_DEVICES", "-1"
# The number of pretended GPUs, for tests on machines without any: workers are placed on them, but compute on the CPU.
PRETENDED = "NOS_PRETENDED_GPUS"
# oneDNN's kernels halve the time of a child step, and whether they are TensorFlow's default depends on the processor.
# In CUDA's default order the first GPU is the fastest; nvidia-smi and people count by position in the machine.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class Misplaced(Exception):
    """The workers cannot have what was requested; the message says which argument to change, and how."""


class Share(NamedTuple):
    """The resources of one worker.

    Attributes:
      threads: Number of threads in which it computes. Most children are too small to profit from more than one.
      of_gpu: Share of a GPU, from 0 for none to 1.
      gpu: The GPU's name, or `HIDDEN`; None leaves visibility as it is, because there are no GPUs, or Ray decides.
    """

    threads: int = 1
    of_gpu: float = 0.0
    gpu: Optional[str] = None

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that its process needs when it imports TensorFlow, unless the user has set them."""
        return {**_ENVIRONMENT, "OMP_NUM_THREADS": str(self.threads)}

    def take(self) -> None:
        """Limits TensorFlow to this share; called in the worker, before TensorFlow computes anything.

        Raises:
          Misplaced: If the worker has a GPU that TensorFlow does not see.
        """
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        gpus = tf.config.list_physical_devices("GPU")
        if self.of_gpu and not gpus and PRETENDED not in os.environ:
            raise Misplaced(
                f"A worker has GPU {os.environ.get(VISIBLE)}, and TensorFlow does not see it there. Install "
                "tensorflow[and-cuda], or give --gpus 0."
            )
        for gpu in gpus:
            if self.of_gpu in (0.0, 1.0):
                tf.config.experimental.set_memory_growth(gpu, True)
            else:
                limit = int(read_memory(os.environ[VISIBLE]) * self.of_gpu)
                part = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
                tf.config.set_logical_device_configuration(gpu, [part])


ONE_THREAD = Share()


class Placement(NamedTuple):
    """The resources of all workers.

    Attributes:
      shares: The `Share` of each worker.
      gpus: Total number of their GPUs.
    """

    shares: Sequence[Share]
    gpus: int = 0

    def __str__(self) -> str:
        threads = self.shares[0].threads
        on = f" on {count_of(self.gpus, 'GPU')}" if self.gpus else ""
        each = f", {threads} threads each" if threads > 1 else ""
        return f"{count_of(len(self.shares), 'worker')}{on}{each}"


def find_gpus() -> tuple[str, ...]:
    """The names of the GPUs that TensorFlow sees in this process, without taking their memory."""
    count = int(os.environ.get(PRETENDED, 0)) or len(tf.config.list_physical_devices("GPU"))
    named = os.environ.get(VISIBLE)
    names = named.split(",") if named else map(str, range(count))
    return tuple(name.strip() for name in names)[:count]


def leave_gpus() -> None:
    """Keeps TensorFlow from using GPUs in this process; call it before TensorFlow uses any."""
    if tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")


def read_memory(gpu: str) -> int:
    """The memory of a GPU, in MiB; TensorFlow only reports how much of it is in use.

    Raises:
      Misplaced: If nvidia-smi does not report it.
    """
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", f"--id={gpu}"]
    try:
        return int(subprocess.run(query, capture_output=True, check=True, text=True).stdout)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise Misplaced(
            f"argument --workers_per_gpu: must be 1 where nvidia-smi does not say how much memory a GPU has. {error}"
        ) from None


class Wanted(NamedTuple):
    """The resources that the user wants the workers to have; `place` maps them to a machine.

    Attributes:
      workers: Number of workers; by default `gpus` times `workers_per_gpu`, or without a GPU, one per `threads`
        cores.
      threads: Number of threads of each worker.
      gpus: Number of GPUs to use, the first ones; by default all.
      workers_per_gpu: Number of workers per GPU; by default 1.
    """

    workers: Optional[int] = None
    threads: int = 1
    gpus: Optional[int] = None
    workers_per_gpu: Optional[int] = None


ALL = Wanted()


def place(wanted: Wanted, cores: int, visible: Sequence[Optional[str]]) -> Placement:
    """Places workers on a machine, or on a cluster.

    Args:
      wanted: A `Wanted`.
      cores: Number of cores.
      visible: The names of the GPUs; on a cluster, which assigns them itself, None for each.

    Raises:
      Misplaced: If that is impossible.

    Example:
      >>> from neural_optimizer_search.workers.placement import Wanted, place
      >>> print(place(Wanted(workers_per_gpu=4), 16, ["0", "1"]))
      8 workers on 2 GPUs
      >>> print(place(Wanted(), 16, []), "/", place(Wanted(threads=4), 16, []))
      16 workers / 4 workers, 4 threads each
      >>> place(Wanted(workers=2), 16, ["0", "1"]).shares[1]
      Share(threads=1, of_gpu=1.0, gpu='1')
    """
    workers, threads, gpus, workers_per_gpu = wanted
    used = len(visible) if gpus is None else gpus
    if used > len(visible):
        most = f"at most {len(visible)}, as many as there are" if visible else "0, because no GPU is seen here"
        raise Misplaced(f"argument --gpus: must be {most}. Received: {gpus}.")
    if not used:
        if (workers_per_gpu or 1) > 1:
            why = "--gpus is 0" if gpus == 0 else "none is seen here"
            raise Misplaced(f"argument --workers_per_gpu: needs a GPU, and {why}. Received: {workers_per_gpu}.")
        share = Share(threads, gpu=HIDDEN if visible else None)
        return Placement([share] * (workers or max(1, cores // threads)))
    each = workers_per_gpu or 1
    places, workers = used * each, workers or used * each
    if workers > places:
        raise Misplaced(
            f"argument --workers: must be at most {places} with {count_of(used, 'GPU')} and --workers_per_gpu "
            f"{each}. Received: {workers}. Give more --workers_per_gpu, or --gpus 0 for workers without a GPU."
        )
    return Placement([Share(threads, 1 / each, visible[k % used]) for k in range(workers)], min(used, workers))


def place_here(wanted: Wanted) -> Placement:
    """Places workers on this machine."""
    return place(wanted, count_cores(), find_gpus())


def count_cores() -> int:
    """The number of cores that this process may use: `taskset` and schedulers of clusters may give it only some."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
