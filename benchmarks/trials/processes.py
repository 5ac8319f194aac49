"""Processes that compute at the same time, and that end with what they are needed for."""

import concurrent.futures
import contextlib
import multiprocessing
import os
from collections.abc import Iterator

from neural_optimizer_search.workers.placement import ONE_THREAD
from neural_optimizer_search.workers.process_workers import begin_worker


@contextlib.contextmanager
def process_pool(workers: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Context manager for a pool of processes on this machine, each with one thread; they end with the context.

    After Ctrl-C, the context does not wait for results that nobody will read: it ends its processes at once.

    Args:
      workers: Number of processes.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, begin_worker) as pool:
        try:
            yield pool
        finally:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()


def set_environment() -> None:
    """Sets the variables that TensorFlow reads in a process with one thread; the user's values stay."""
    for name, value in ONE_THREAD.environment.items():
        os.environ.setdefault(name, value)
