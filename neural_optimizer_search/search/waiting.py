"""Waits for workers, and meanwhile reports the work that takes long."""

import concurrent.futures
import itertools
import queue
from collections.abc import Callable, Collection
from typing import Any

from neural_optimizer_search.workers.executor import Executor

# The interval of reports during a wait, and the duration from which work is reported. A start is reported at once,
# because until then there is nothing else to see.
TELL_SECONDS, LONG_SECONDS = 5.0, 15.0


def wait_for_any(
    executor: Executor, futures: "Collection[concurrent.futures.Future[Any]]", on_wait: Callable[[str], None]
) -> None:
    """Waits until one of an executor's futures is done; returns at once if there are none.

    Args:
      executor: The `Executor`.
      futures: The futures to wait for.
      on_wait: Called every few seconds, with the work that takes long, in words; "" if none does.
    """
    while futures and not concurrent.futures.wait(futures, TELL_SECONDS, concurrent.futures.FIRST_COMPLETED).done:
        _tell(executor, on_wait)


class Finished:
    """Tracks which futures are done without checking all of them, which takes milliseconds for 2,000 futures."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._done: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._taken: list[tuple[int, str]] = []

    def add(self, key: str, future: "concurrent.futures.Future[Any]") -> None:
        """Makes `take` return the key once the future is done."""
        numbered = next(self._numbers), key
        future.add_done_callback(lambda _: self._done.put(numbered))

    def wait(self, executor: Executor, on_wait: Callable[[str], None]) -> None:
        """Waits until there is something to take.

        Args:
          executor: The `Executor` whose futures were added, at least one of which was not taken yet.
          on_wait: See `wait_for_any`.
        """
        while not self._taken:
            try:
                self._taken.append(self._done.get(timeout=TELL_SECONDS))
            except queue.Empty:
                _tell(executor, on_wait)

    def take(self) -> list[str]:
        """The keys of all finished futures not taken before, in the order in which they were added."""
        while not self._done.empty():
            self._taken.append(self._done.get())
        taken, self._taken = sorted(self._taken), []
        return [key for _, key in taken]


def _tell(executor, on_wait):
    work = executor.longest_work
    on_wait(str(work) if work and (work.is_start or work.seconds >= LONG_SECONDS) else "")
