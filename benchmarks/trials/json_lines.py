"""Files of results, one JSON object per line, to which a measurement adds a line as soon as it has a result."""

import contextlib
import fcntl
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from neural_optimizer_search.file_lock import InUse
from neural_optimizer_search.files import Damaged, require_regular

T = TypeVar("T")

# (device, inode) -> the open file. A file that this process adds lines to stays its own until the process ends.
_held: dict[tuple[int, int], BinaryIO] = {}


class JsonLines:
    """A file with a JSON object in each line.

    A kill or a full disk may cut off the last line. Such a line is not read, and the next one takes its place. Lines
    that are whole are never written again.

    Args:
      path: The file.

    Example:
      >>> import pathlib, tempfile
      >>> from benchmarks.trials.json_lines import JsonLines
      >>> lines = JsonLines(pathlib.Path(tempfile.mkdtemp(), "results.jsonl"))
      >>> lines.add(dict(seed=3, score=0.5))
      >>> lines.read(lambda record: record["score"])
      [0.5]
    """

    def __init__(self, path: pathlib.Path):
        self._path = path

    def hold(self) -> None:
        """Keeps other processes from adding lines until this one ends; a file that `add` makes is held from then on.

        Raises:
          InUse: If another process holds it.
          OSError: If it cannot be written.
        """
        if self._path.exists():
            self._hold()

    def _hold(self):
        with contextlib.ExitStack() as unless_held:
            file = unless_held.enter_context(open(self._path, "ab"))
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino) in _held:
                return
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(
                    f"{self._path} is being written by another process. Wait for it, or choose another directory"
                ) from None
            _held[status.st_dev, status.st_ino] = file
            unless_held.pop_all()

    def read(self, convert: Callable[[Any], T]) -> list[T]:
        """Reads all whole lines; says on stderr if the last one is cut off.

        Args:
          convert: Makes what is wanted of the object in a line. If it raises a KeyError, TypeError or ValueError, the
            line is damaged.

        Raises:
          Damaged: If a line is damaged, except for a last one that is cut off; the message names the line.
        """
        try:
            require_regular(self._path)
        except FileNotFoundError:
            return []
        *lines, rest = self._path.read_bytes().split(b"\n")
        found = [self._convert(line, number, convert) for number, line in enumerate(lines, 1)]
        if rest and _is_whole(rest):  # an editor may have removed its end
            found.append(self._convert(rest, len(lines) + 1, convert))
        elif rest:
            print(f"{self._path}: the last line is cut off, and is left out.", file=sys.stderr)
        return found

    def add(self, record: Any) -> None:
        """Adds a line; the record must be JSON-serializable."""
        line = json.dumps(record).encode() + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._hold()
        with open(self._path, "r+b") as file:
            _end_last_line(file)
            file.seek(0, os.SEEK_END)
            file.write(line)

    def _convert(self, line, number, convert):
        try:
            return convert(json.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise Damaged(
                f"{self._path}, line {number} is damaged: {what}. Delete this line, and its result is measured again"
            ) from error


def _end_last_line(file):
    """Removes a last line that is cut off, and ends one that is whole."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    if file.read() in (b"", b"\n"):
        return
    file.seek(0)
    content = file.read()
    end = content.rfind(b"\n") + 1
    if _is_whole(content[end:]):
        file.write(b"\n")
    else:
        file.truncate(end)


def _is_whole(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
