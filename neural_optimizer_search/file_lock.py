"""Files and directories that only one process writes at a time. A lock is on the file itself, whatever its name."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Union

# (device, inode) of the files that this process holds. Opening and closing such a file again would release SQLite's
# locks on it, because POSIX releases them when a process closes any descriptor of the file.
_held: set[tuple[int, int]] = set()


class InUse(RuntimeError):
    """Another process, or another part of this one, is writing the file."""


class Moved(RuntimeError):
    """The file is not where it was opened.

    Attributes:
      place: Where it is now; None if it was deleted, or if that is unknown.
    """

    def __init__(self, message: str, place: Union[Path, None]):
        super().__init__(message)
        self.place = place

    @property
    def kept(self) -> str:
        """A sentence on what is left of the measurements."""
        return f"{'What' if self.place else 'If it was moved, what'} was measured is kept there."


class FileLock:
    """Holds a file until it is closed or the process ends, for whatever reason.

    Args:
      path: The file, which must exist.

    Raises:
      InUse: If it is held by another process, or by this one.
      OSError: If it cannot be opened for writing.
    """

    def __init__(self, path: Union[str, os.PathLike]):
        self._path = Path(path)
        self._file = _identify(os.stat(path))
        if self._file in _held:
            raise InUse(_message(path))
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if isinstance(error, BlockingIOError):
                raise InUse(_message(path)) from None
            raise
        # The opened file counts, because the path may lead to another one by now.
        self._file = _identify(os.fstat(self._descriptor))
        _held.add(self._file)
        self._is_open = True

    def require_in_place(self) -> None:
        """Raises `Moved` if the path now leads to another file, or to none."""
        try:
            if _identify(os.stat(self._path)) == self._file:
                return
        except FileNotFoundError:
            pass
        place = self._find()
        where = f"was moved to {place}" if place else "was moved or deleted"
        raise Moved(f"{self._path} {where} while it was written.", place)

    def close(self) -> None:
        """Releases the file; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            _held.discard(self._file)
            os.close(self._descriptor)

    def _find(self):
        try:
            place = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))  # Linux only
        except OSError:
            return None
        return place if place.exists() else None


@contextlib.contextmanager
def hold_directory(directory: Path, seconds: float) -> Iterator[None]:
    """Waits until no other process holds a directory, and holds it during the block; leaves no lock file.

    Args:
      directory: The directory, which must exist.
      seconds: The longest wait.

    Raises:
      TimeoutError: If another process still holds it then.
      OSError: If it cannot be opened.
    """
    descriptor, end = os.open(directory, os.O_RDONLY | os.O_CLOEXEC), time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(f"{directory} has been locked for {seconds:g} seconds") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _message(path):
    return f"{path} is being written by another process."


def _identify(status):
    return status.st_dev, status.st_ino
