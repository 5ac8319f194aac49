"""A worker that sleeps in place of training a child; apart from all else, so that hundreds fit in a small memory."""

import time
from typing import Any


class Sleeping:
    """Stands where `MeasuringWorker` does: seconds -> (when it began, when it ended), by the clock."""

    def prepare(self) -> None:
        """Nothing to do."""

    def measure(self, seconds: float, ask: Any = None) -> list[float]:
        began = time.time()
        time.sleep(seconds)
        return [began, time.time()]

    def progress(self) -> None:
        """Nobody waits for it."""
