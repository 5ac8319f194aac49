"""The progress bar while data are read."""

import contextlib
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

_state = {"shown": multiprocessing.parent_process() is None}


def show_reading() -> None:
    """Shows the bars of this process, which is the only one that reads now, although another one started it."""
    _state["shown"] = True


@contextlib.contextmanager
def reading_bar(argument: str) -> Iterator[Callable[[int], Any]]:
    """A function that is told the number of examples read; reading is shown if it takes longer than two seconds.

    A worker process shows nothing, because several read at once, unless `show_reading` was called. Nothing is shown
    without tqdm, either.
    """
    tqdm = _find_tqdm() if _state["shown"] else None
    if tqdm is None:
        yield lambda examples: None
        return
    with tqdm(
        desc=f"Reading `{argument}`",
        unit=" examples",
        delay=2,
        leave=False,
        mininterval=0.2 if sys.stderr.isatty() else 15,
    ) as bar:
        yield bar.update


def _find_tqdm():
    """None if tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    if multiprocessing.parent_process() is not None:
        tqdm.set_lock(threading.RLock())  # its default is a semaphore, which a killed process leaves behind
    return tqdm
