"""What a worker has: its threads, and a GPU or a part of one.

A GPU has a name, as `CUDA_VISIBLE_DEVICES` has it. A worker sees its own alone, and the parent, whose controller is
small, sees none: TensorFlow takes all the memory of what it sees.
"""

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple, Optional

import tensorflow as tf

VISIBLE, HIDDEN = "CUDA_VISIBLE_DEVICES", "-1"
# So many GPUs are pretended, for tests on machines without any: workers are placed on them, and compute on the CPU.
PRETENDED = "NOS_PRETENDED_GPUS"
# oneDNN's kernels halve the time of a child step, and whether they are TensorFlow's default depends on the processor.
# In CUDA's own order the first GPU is the fastest; nvidia-smi and people count them by their place in the machine.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class Misplaced(Exception):
    """The workers cannot have what was asked for; the message says which argument must be what."""


class Share(NamedTuple):
    """What one worker has.

    Attributes:
      threads: In which it computes. Most children are too small for more than one to help.
      of_gpu: How much of a GPU, from 0, which is none, to 1.
      gpu: The GPU's name, or `HIDDEN`; None leaves what is visible as it is, for there are none, or Ray says which.
    """

    threads: int = 1
    of_gpu: float = 0.0
    gpu: Optional[str] = None

    @property
    def environment(self) -> dict[str, str]:
        """What its process must find set when it imports TensorFlow, unless a person set it already."""
        return {**_ENVIRONMENT, "OMP_NUM_THREADS": str(self.threads)}

    def take(self) -> None:
        """Has TensorFlow take no more than this; called in the worker, before TensorFlow computes anything.

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
    """What all workers have.

    Attributes:
      shares: Of each worker.
      gpus: How many GPUs they have together.
    """

    shares: Sequence[Share]
    gpus: int = 0

    def __str__(self) -> str:
        threads = self.shares[0].threads
        on = f" on {count_of(self.gpus, 'GPU')}" if self.gpus else ""
        each = f", {threads} threads each" if threads > 1 else ""
        return f"{count_of(len(self.shares), 'worker')}{on}{each}"


def find_gpus() -> tuple[str, ...]:
    """The names of the GPUs that TensorFlow sees in this process; it takes nothing of them."""
    count = int(os.environ.get(PRETENDED, 0)) or len(tf.config.list_physical_devices("GPU"))
    named = os.environ.get(VISIBLE)
    names = named.split(",") if named else map(str, range(count))
    return tuple(name.strip() for name in names)[:count]


def leave_gpus() -> None:
    """Has TensorFlow use no GPU in this process, which it must not have begun to use."""
    if tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")


def read_memory(gpu: str) -> int:
    """The memory of a GPU, in MiB; TensorFlow says only how much of it is in use.

    Raises:
      Misplaced: If nothing says how much it is.
    """
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", f"--id={gpu}"]
    try:
        return int(subprocess.run(query, capture_output=True, check=True, text=True).stdout)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise Misplaced(
            f"argument --workers_per_gpu: must be 1 where nvidia-smi does not say how much memory a GPU has. {error}"
        ) from None


class Wanted(NamedTuple):
    """What a person wants the workers to have; `place` says what that is on a machine.

    Attributes:
      workers: Their number; by default as many as `gpus` times `workers_per_gpu`, or without a GPU one for so many
        `threads` of the cores.
      threads: Of each worker.
      gpus: How many of the GPUs are used, the first; by default all.
      workers_per_gpu: How many workers a GPU has; by default 1.
    """

    workers: Optional[int] = None
    threads: int = 1
    gpus: Optional[int] = None
    workers_per_gpu: Optional[int] = None


ALL = Wanted()


def place(wanted: Wanted, cores: int, visible: Sequence[Optional[str]]) -> Placement:
    """What workers have on a machine, or on a cluster.

    Args:
      wanted: A `Wanted`.
      cores: How many cores there are.
      visible: The names of the GPUs; on a cluster, which says itself which one a worker has, None for each.

    Raises:
      Misplaced: If it cannot be.

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
    """What workers have on this machine."""
    return place(wanted, os.cpu_count() or 1, find_gpus())


def count_of(number: int, what: str) -> str:
    """Such as "1 worker" and "2 workers"."""
    return f"{number} {what}{'' if number == 1 else 's'}"
