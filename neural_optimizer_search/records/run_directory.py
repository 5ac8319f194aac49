"""The contents of a run's directory, for every command that writes or reads one."""

import contextlib
import datetime
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from neural_optimizer_search.files import Damaged, require_own
from neural_optimizer_search.measuring.evaluation import Evaluation

LEDGER = "ledger.sqlite"
LEADERBOARD = "leaderboard.txt"
CONTROLLER = "controller"  # checkpoints of an algorithm
TRACEBACKS = "tracebacks.txt"  # of rules that failed
TENSORBOARD = "tensorboard"
REPORT = "report.html"
PROMOTION_FILE = "promotion.json"
STUDY, TUNED = "study.sqlite", "tuned.txt"
TRAINING_CONFIG, TRAINING_LOCK, TRAINING_STATE = "config.json", "training.lock", "state.npz"

# What a directory belongs to that has all these files.
_OWNERS = {
    (PROMOTION_FILE,): "a promotion",
    (STUDY,): "a tuning of nos-tune",
    (LEDGER,): "a search",
    (TRAINING_STATE,): "a training of nos-learn",
    (TRAINING_CONFIG, TRAINING_LOCK): "a training of nos-learn",  # before its first iteration
}


def make_directory(what: str) -> Path:
    """A new directory under runs, named after what is run and the time. Two that begin at once get two."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    Path("runs").mkdir(exist_ok=True)
    for suffix in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        with contextlib.suppress(FileExistsError):
            place = Path("runs", f"{what}-{now}{suffix}")
            place.mkdir()
            return place
    raise AssertionError("There is always a next number.")


def find_owner(directory: Path) -> Optional[str]:
    """What a directory belongs to, such as "a search"; None if it is free for anything. A directory has one owner."""
    owners = (owner for names, owner in _OWNERS.items() if all(os.path.lexists(directory / name) for name in names))
    return next(owners, None)


def find_other_file(directory: Path, names: Iterable[str]) -> Optional[str]:
    """The first of these names that something in a directory has, of which no run made it; None if they are free."""
    return next((name for name in names if os.path.lexists(directory / name)), None)


def remove_unbegun(directory: Path, name: str) -> None:
    """Removes a run that could not begin, so that the corrected command may be given again.

    One that has written tracebacks stays: they say why it could not.

    Args:
      directory: The run's directory, which stays if anything else is in it.
      name: Its file that makes the directory a run's.
    """
    if not os.path.lexists(directory / TRACEBACKS):
        (directory / name).unlink()
        with contextlib.suppress(OSError):
            directory.rmdir()


def require_own_files(directory: Path) -> None:
    """Checks that what a run writes beside its ledger is not, by a link, somewhere else.

    Raises:
      Damaged: If a file or directory of it is a link, or a file has another name too.
    """
    for name in (CONTROLLER, TENSORBOARD):
        place = directory / name
        if place.is_symlink():
            raise Damaged(f"{place} is a link to {os.readlink(place)}, where a directory of its own was expected.")
    for place in (directory / TRACEBACKS, *sorted(directory.glob(f"{CONTROLLER}/*"))):
        if os.path.lexists(place) and not place.is_dir():
            require_own(place)


def rank(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """The evaluations by reward, the best first; of equal ones, the one found first."""
    return sorted(evaluations, key=lambda e: -e.reward)
