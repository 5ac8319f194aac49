"""The destination of a report: a new file, an earlier report, or a device; it overwrites nothing else."""

import os
import sys
from pathlib import Path

from neural_optimizer_search.files import Damaged, require_regular, write_whole
from neural_optimizer_search.report.page import is_page
from neural_optimizer_search.user_error import UserError

_BEGINNING = 4096  # bytes at the start of a file that tell whether it is a report


class NotAReport(UserError):
    """The existing file is not a report, and stays as it is; the message says what it is."""


def write_page(place: Path, text: str) -> None:
    """Writes a page completely or not at all.

    Args:
      place: The file. A link to a report stays a link, and the report that it points to is overwritten.
      text: The page.

    Raises:
      NotAReport: If something other than a report is there.
      OSError: If nothing can be written there.
    """
    if is_stdout(place):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    elif place.is_char_device():
        place.write_text(text, encoding="utf-8")
    else:
        _require_replaceable(place)
        write_whole(os.path.realpath(place), lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def _require_replaceable(place):
    try:
        require_regular(place)
    except FileNotFoundError:
        if os.path.lexists(place):
            raise NotAReport(f"{place} is a link that leads to nothing. Name another file.") from None
        return
    except Damaged as error:
        raise NotAReport(f"{error} Name another file.") from None
    with open(place, "rb") as file:
        if not is_page(file.read(_BEGINNING).decode("utf-8", "replace")):
            raise NotAReport(f"{place} is not a report of nos-report, so it is left as it is. Name another file.")


def is_stdout(place: Path) -> bool:
    """Whether a path is the standard output, such as /dev/stdout, be it a pipe, a file or a terminal."""
    try:
        return os.path.samestat(os.stat(place), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):  # not there; or standard output is not a file
        return False
