"""The contents of a run's directory, for every command that writes or reads one."""

import contextlib
import datetime
import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

from neural_optimizer_search.command_line import Parser, quote
from neural_optimizer_search.file_lock import InUse
from neural_optimizer_search.files import Damaged, require_own
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.user_error import UserError

LEDGER = "ledger.sqlite"
LEADERBOARD = "leaderboard.txt"
CONTROLLER = "controller"  # checkpoints of an algorithm
# Tracebacks of rules that failed, and of a task with which no run could begin. It is only appended to, so a directory
# that has one is free: the corrected command can be run again.
TRACEBACKS = "tracebacks.txt"
TENSORBOARD = "tensorboard"
REPORT = "report.html"
PROMOTION_FILE = "promotion.json"
STUDY, TUNED = "study.sqlite", "tuned.txt"
TRAINING_CONFIG, TRAINING_LOCK, TRAINING_STATE = "config.json", "training.lock", "state.npz"

OF_PROMOTION, OF_SEARCH = "a promotion", "a search"
OF_TUNING, OF_TRAINING = "a tuning of nos-tune", "a training of nos-learn"
# The files of a directory -> its owner.
_OWNERS = {
    (PROMOTION_FILE,): OF_PROMOTION,
    (STUDY,): OF_TUNING,
    (LEDGER,): OF_SEARCH,
    (TRAINING_STATE,): OF_TRAINING,
    (TRAINING_CONFIG, TRAINING_LOCK): OF_TRAINING,  # before its first iteration
}
_RESULTS = {OF_TUNING: TUNED, OF_PROMOTION: PROMOTION_FILE}  # owner -> the file that its user reads
_GIVE_ANOTHER = "Give another directory."


def make_directory(what: str) -> Path:
    """Makes a directory under runs with a unique name from the work and the time."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    Path("runs").mkdir(exist_ok=True)
    for suffix in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        with contextlib.suppress(FileExistsError):
            place = Path("runs", f"{what}-{now}{suffix}")
            place.mkdir()
            return place
    raise AssertionError("There is always a next number.")


def find_owner(directory: Path) -> Optional[str]:
    """The owner of a directory, such as "a search"; None if it has none. A directory has at most one owner."""
    owners = (owner for names, owner in _OWNERS.items() if all(os.path.lexists(directory / name) for name in names))
    return next(owners, None)


def say_no_search(directory: Path, error: FileNotFoundError) -> str:
    """Says that a directory is not a search, and what it is.

    Args:
      directory: The directory.
      error: What opening its ledger raised.
    """
    return f"{directory} is not a run of nos-search: {_say_holds(directory) or error}"


def _say_holds(directory):
    """What a directory holds, in words; "" if it has no owner."""
    owner = find_owner(directory)
    result = f", whose result is in {directory / _RESULTS[owner]}" if owner in _RESULTS else ""
    return f"it holds {owner}{result}." if owner else ""


def require_free(p: Parser, directory: Path, what: str, names: Iterable[str], resumes: Optional[str] = None) -> None:
    """Ends the command if the directory of --out has an owner, or files that would be written over.

    Args:
      p: The command's parser.
      directory: The directory, which need not exist.
      what: The work that would begin in it, such as "the run".
      names: The names of its files.
      resumes: The owner whose directories the command resumes with --resume; None if it has no such flag.
    """
    owner = find_owner(directory)
    if owner:
        again = f"Use --resume {quote(directory)}, or another directory." if owner == resumes else _GIVE_ANOTHER
        p.error(f"argument --out: {directory} holds {owner}. {again}")
    other = next((name for name in names if os.path.lexists(directory / name)), None)
    if other:
        p.error(f"argument --out: {directory} has {other}, which {what} would write over. {_GIVE_ANOTHER}")


@contextlib.contextmanager
def explain_no_resume(p: Parser, directory: Path, what: str) -> Iterator[None]:
    """Ends the command if the file of what is resumed cannot be opened in the block.

    Args:
      p: The command's parser.
      directory: The directory of --resume.
      what: What it should hold, such as "a run".
    """
    try:
        yield
    except InUse as error:
        p.error(f"argument --resume: {error} Wait for it, or stop it.")
    except FileNotFoundError as error:
        p.error(f"argument --resume: {directory} is not {what}: {_say_holds(directory) or error}")
    except (OSError, sqlite3.OperationalError) as error:
        p.error(f"argument --resume: {directory} cannot be opened now: {error}. Fix that, and try again.")
    except (UserError, sqlite3.Error) as error:
        p.error(f"argument --resume: {directory} is not {what}: {error}")


def remove_unbegun(directory: Path, name: str) -> None:
    """Removes a run that could not begin, so that the corrected command can be run again.

    Args:
      directory: The run's directory, which stays if it contains anything else, such as the tracebacks.
      name: The file that marks the directory as a run's.
    """
    (directory / name).unlink()
    with contextlib.suppress(OSError):
        directory.rmdir()


def require_own_files(directory: Path) -> None:
    """Checks that no file that a run writes in addition to its ledger is a link to somewhere else.

    Raises:
      Damaged: If one of its files or directories is a symbolic link, or a file has further hard links.
    """
    for name in (CONTROLLER, TENSORBOARD):
        place = directory / name
        if place.is_symlink():
            raise Damaged(f"{place} is a link to {os.readlink(place)}, where a directory of its own was expected.")
    for place in (directory / TRACEBACKS, *sorted(directory.glob(f"{CONTROLLER}/*"))):
        if os.path.lexists(place) and not place.is_dir():
            require_own(place)


def rank(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """The evaluations by reward, best first; ties stay in the order in which they were found."""
    return sorted(evaluations, key=lambda e: -e.reward)
