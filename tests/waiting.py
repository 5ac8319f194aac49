"""Waits for what another thread or process does, but not without an end."""

import subprocess
import time
from collections.abc import Callable
from typing import Optional


def wait_until(true: Callable[[], bool], seconds: float = 120.0, process: Optional[subprocess.Popen] = None) -> None:
    """Returns as soon as this is true; fails after so many seconds, and where the process has ended before."""
    end = time.monotonic() + seconds
    while not true():
        assert process is None or process.poll() is None, "The process ended too soon."
        assert time.monotonic() < end, f"It did not come within {seconds:g} s."
        time.sleep(0.01)
