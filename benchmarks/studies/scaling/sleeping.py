"""A worker that sleeps in place of training a child; apart from all else, so that hundreds fit in a small memory."""

import time


class Sleeping:
    """Stands where `Measuring` does: seconds -> (when it began, when it ended), by the clock."""

    def ready(self) -> None:
        """It always is."""

    def measure(self, seconds: float) -> list[float]:
        began = time.time()
        time.sleep(seconds)
        return [began, time.time()]
