"""Files that are there whole or not at all, and files of which nobody knows who wrote them."""

import os
import pathlib
import stat
from collections.abc import Callable
from typing import Any, Union


class Damaged(ValueError):
    """A file does not hold what its name promises; the message says which file, and what is wrong with it."""


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
      >>> from neural_optimizer_search.files import write_whole
      >>> with tempfile.TemporaryDirectory() as directory:
      ...     path = pathlib.Path(directory, "settings.json")
      ...     write_whole(path, lambda unfinished: unfinished.write_text("{}"))
      ...     path.read_text()
      '{}'
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f"{path.name}.unfinished")
    # A link or a pipe with this name would lead what is written somewhere else.
    unfinished.unlink(missing_ok=True)
    try:
        write(unfinished)
        with open(unfinished, "rb") as file:
            os.fsync(file.fileno())  # else a crash of the machine may leave an empty file in place of either
        os.replace(unfinished, path)
    except BaseException:  # Ctrl-C, too
        unfinished.unlink(missing_ok=True)
        raise


def read_bytes(path: Union[str, os.PathLike], most: int = 2**30) -> bytes:
    """What a file holds. A pipe or a device, which may never end, is not read.

    Args:
      path: The file.
      most: Bytes that it may have.

    Raises:
      FileNotFoundError, OSError: If it is not there or cannot be read.
      Damaged: If it is no regular file, or too large.
    """
    require_regular(path)
    size = os.path.getsize(path)
    if size > most:
        raise Damaged(f"{path} has {size} bytes, more than the {most} that such a file may have.")
    return pathlib.Path(path).read_bytes()


def read_text(path: Union[str, os.PathLike], most: int = 2**24) -> str:
    """What a file of UTF-8 text holds; as `read_bytes`, and `Damaged` also if it is no such text."""
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"{path} is not UTF-8 text: {error}.") from None


def require_regular(path: Union[str, os.PathLike]) -> None:
    """Checks that there is a file with contents of its own, at the path or where its links lead.

    Raises:
      FileNotFoundError, OSError: If nothing is there, or nobody may look.
      Damaged: If it is a directory, a pipe, a socket or a device.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise Damaged(f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'no file')}, where a file was expected.")


def require_own(path: Union[str, os.PathLike]) -> None:
    """Checks that there is a file that nothing else leads to: what is written to it would be written there, too.

    Raises:
      FileNotFoundError, OSError: If nothing is there, or nobody may look.
      Damaged: If it is no regular file, or a link, or has another name.
    """
    if os.path.islink(path):
        raise Damaged(f"{path} is a link to {os.readlink(path)}, where a file of its own was expected.")
    require_regular(path)
    names = os.stat(path).st_nlink
    if names > 1:
        raise Damaged(f"{path} has {names} names (hard links), where a file of its own was expected. Make it a copy.")


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
