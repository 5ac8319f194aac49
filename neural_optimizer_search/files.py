"""Files that are written as a whole or not at all, and files of unknown origin."""

import contextlib
import fcntl
import os
import pathlib
import stat
from collections.abc import Callable
from typing import Any, Union

from neural_optimizer_search.user_error import UserError


class Damaged(UserError):
    """A file does not have the expected contents; the message says which file, and what is wrong with it."""


def write_whole(path: Union[str, os.PathLike], write: Callable[[pathlib.Path], Any], replace: bool = True) -> None:
    """Writes a file next to its final path, and moves it there when it is complete.

    If writing fails or the process ends, the earlier file is kept. Several writers wait for each other.

    Args:
      path: The file.
      write: Called with the path of the unfinished file, which it writes. Its errors pass through, and the unfinished
        file is removed.
      replace: Whether to replace an existing file.

    Raises:
      FileExistsError: If there is a file that may not be replaced.
      OSError: If it cannot be written.

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
    unfinished = path.with_name(f".{path.name}.unfinished")  # a name that users do not choose
    with _hold_new(unfinished) as descriptor:
        try:
            if not replace and os.path.lexists(path):
                raise FileExistsError(f"{path} exists.")
            write(unfinished)
            os.fsync(descriptor)  # a crash of the machine could otherwise leave an empty file
            os.replace(unfinished, path)
        except BaseException:  # Ctrl-C, too
            unfinished.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _hold_new(path):
    """Yields the descriptor of an empty file that only this process writes."""
    while True:
        found = _look(path)
        if found and not (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
            path.unlink(missing_ok=True)  # a link or a pipe would redirect the writes
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            found = _look(path)
            # Its previous holder may have moved it to its final place, or removed it.
            if found and os.path.samestat(os.fstat(descriptor), found):
                os.ftruncate(descriptor, 0)
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _look(path):
    """The status of the path itself, without following links; None if nothing is there."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def read_bytes(path: Union[str, os.PathLike], most: int = 2**30) -> bytes:
    """Reads a file; rejects pipes and devices, which may never end.

    Args:
      path: The file.
      most: Maximum size in bytes.

    Raises:
      FileNotFoundError, OSError: If it is not there or cannot be read.
      Damaged: If it is not a regular file, or too large.
    """
    require_regular(path)
    size = os.path.getsize(path)
    if size > most:
        raise Damaged(f"{path} has {size} bytes, more than the {most} that such a file may have.")
    return pathlib.Path(path).read_bytes()


def read_text(path: Union[str, os.PathLike], most: int = 2**24) -> str:
    """Reads a UTF-8 text file like `read_bytes`; also raises `Damaged` if it is not UTF-8."""
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"{path} is not UTF-8 text: {error}.") from None


def require_regular(path: Union[str, os.PathLike]) -> None:
    """Checks that there is a regular file at the path, or where its links lead.

    Raises:
      FileNotFoundError, OSError: If nothing is there, or access is denied.
      Damaged: If it is a directory, a pipe, a socket or a device.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise Damaged(f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'no file')}, where a file was expected.")


def require_own(path: Union[str, os.PathLike]) -> None:
    """Checks that a file has no other names, so that writing to it changes no other file.

    Raises:
      FileNotFoundError, OSError: If nothing is there, or access is denied.
      Damaged: If it is not a regular file, is a link, or has another name.
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
