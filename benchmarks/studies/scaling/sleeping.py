"""A worker that sleeps instead of training a child, in a module of its own so that hundreds fit in little memory."""

import time
from typing import Any


class Sleeping:
    """Takes the place of a `MeasuringWorker`: sleeps, and returns when it began and when it ended, by the clock."""

    def prepare(self) -> None:
        """Does nothing."""

    def measure(self, seconds: float, ask: Any = None) -> list[float]:
        began = time.time()
        time.sleep(seconds)
        return [began, time.time()]

    def progress(self) -> None:
        """Does nothing: nobody waits for it."""
