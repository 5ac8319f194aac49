"""Files that are there whole or not at all, whenever a process is killed."""

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file, or leaves what was there.

    Args:
      path: The file.
      write: Called with the path of a file beside it, writes that.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        write(unfinished)
        _flush(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _flush(path):
    """Onto the disk: after a power cut a renamed file may else be empty."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
