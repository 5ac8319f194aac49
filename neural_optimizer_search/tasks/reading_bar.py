"""The progress bar of reading data."""

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def reading_bar(argument: str) -> Iterator[Callable[[int], Any]]:
    """A function that is told the number of examples read; what takes longer than two seconds is shown.

    A worker process shows nothing, because several read at once. Neither is anything shown without tqdm.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda examples: None
        return
    with tqdm(
        desc=f"Reading `{argument}`",
        unit=" examples",
        delay=2,
        leave=False,
        mininterval=0.2 if sys.stderr.isatty() else 15,
        disable=multiprocessing.parent_process() is not None,
    ) as bar:
        yield bar.update
