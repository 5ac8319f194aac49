"""A progress bar for reading data."""

import contextlib
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

_state = {"shown": multiprocessing.parent_process() is None}


def show_reading() -> None:
    """Enables the bars in a worker process that is the only one reading now."""
    _state["shown"] = True


@contextlib.contextmanager
def reading_bar(argument: str) -> Iterator[Callable[[int], Any]]:
    """Yields a function to call with the number of examples read; a bar appears if reading takes over two seconds.

    Several worker processes read at once, so they show no bar unless `show_reading` was called. Without tqdm, there
    is no bar either.
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
