"""Keeps the tracebacks of errors in a task in a file of the run's directory, because a message has only one line."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from neural_optimizer_search.file_lock import Moved
from neural_optimizer_search.workers.executor import Failure, TaskFailed

MOST_BYTES = 2**20  # a task that fails for one rule in ten shows nothing new after the first hundred


@contextlib.contextmanager
def keep_tracebacks(executor: Any, path: Path, require_in_place: Callable[[], None]) -> Iterator[None]:
    """A context in which the tracebacks of failures are appended to a file, if that is possible.

    Args:
      executor: The object that calls its `on_failure` with a `Failure`: an `Executor`, or the `Describer` of its
        task.
      path: The file, in a run's directory.
      require_in_place: Raises `Moved` if the run is no longer where it was: another may be in its place.

    Raises:
      TaskFailed: As raised within, but with the name of the file that has the traceback.
    """
    file = _TracebackFile(path, require_in_place)
    executor.on_failure = file.append
    try:
        yield
    except TaskFailed as error:
        if not (error.traceback and file.is_written):
            raise
        raise TaskFailed(f"{str(error).rstrip('.')}. The traceback is in {path}.", error.traceback) from error


class _TracebackFile:
    def __init__(self, path, require_in_place):
        self._path, self._require_in_place = path, require_in_place
        self.is_written = False

    def append(self, failure: Failure):
        if failure.traceback:
            what = f"Rule {failure.formula}" if failure.formula else "A worker's start"
            # A full disk is not a reason to end a search that does not need the file.
            with contextlib.suppress(OSError, Moved):
                self._require_in_place()
                self._write(f"{what}: {failure.message}\n\n{failure.traceback.rstrip()}\n\n\n".encode())

    def _write(self, text):
        with open(self._path, "ab", opener=_open_own) as file:
            if file.tell() + len(text) <= MOST_BYTES:
                file.write(text)
                file.flush()
                self.is_written = True


def _open_own(path, flags):
    """Rejects links to other files, symbolic or hard, and pipes, which may wait for a reader forever."""
    number = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(number)
        raise OSError(f"{path} is no file of its own.")
    return number
