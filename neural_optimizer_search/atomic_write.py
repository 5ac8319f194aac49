"""Files that are there whole or not at all."""

import os
import pathlib
from collections.abc import Callable
from typing import Any, Union


def write_whole(path: Union[str, os.PathLike], write: Callable[[pathlib.Path], Any]) -> None:
    """Writes a file beside its place and moves it there when it is whole.

    Whatever ends the writing, an error or the end of the process, the file of before stays. There may be one writer
    at a time.

    Args:
      path: The file.
      write: Writes the unfinished file at the path that it is given. An error of its own passes through, and the
        unfinished file goes.

    Example:
      >>> import pathlib, tempfile
      >>> from neural_optimizer_search.atomic_write import write_whole
      >>> with tempfile.TemporaryDirectory() as directory:
      ...     path = pathlib.Path(directory, "settings.json")
      ...     write_whole(path, lambda unfinished: unfinished.write_text("{}"))
      ...     path.read_text()
      '{}'
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        write(unfinished)
        with open(unfinished, "rb") as file:
            os.fsync(file.fileno())  # else a crash of the machine may leave an empty file in place of either
        os.replace(unfinished, path)
    except BaseException:  # Ctrl-C, too
        unfinished.unlink(missing_ok=True)
        raise
