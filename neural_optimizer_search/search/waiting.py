"""Waits for workers, and says meanwhile what takes long."""

import concurrent.futures
from collections.abc import Callable, Collection
from typing import Any

from neural_optimizer_search.workers.executor import Executor

# While something is waited for, it is said every so often what takes long; what takes less is not long, but a start
# is said at once: until then nothing else is seen.
TELL_SECONDS, LONG_SECONDS = 5.0, 15.0


def wait_for_any(
    executor: Executor, futures: "Collection[concurrent.futures.Future[Any]]", on_wait: Callable[[str], None]
) -> None:
    """Waits until one of an executor's futures is done; of none, not at all.

    Args:
      executor: The `Executor`.
      futures: What it was asked for.
      on_wait: Called every few seconds, with what takes long, in words; with "" if nothing does.
    """
    while futures and not concurrent.futures.wait(futures, TELL_SECONDS, concurrent.futures.FIRST_COMPLETED).done:
        work = executor.longest_work
        on_wait(str(work) if work and (work.is_start or work.seconds >= LONG_SECONDS) else "")
