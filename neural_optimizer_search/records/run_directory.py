"""What a run's directory holds, for every command that writes or reads one."""

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger

LEDGER = "ledger.sqlite"
LEADERBOARD = "leaderboard.txt"
CONTROLLER = "controller"  # checkpoints of an algorithm
TENSORBOARD = "tensorboard"
REPORT = "report.html"
PROMOTION = "promotion.json"
TRAINING = "state.npz"

# What a directory belongs to that has such a file.
_OWNERS = {PROMOTION: "a promotion", LEDGER: "a search", TRAINING: "a training of nos-learn"}

STOPPED = 130  # the shell's exit code for Ctrl-C

# What a reward, or what is proposed, may depend on.
_PACKAGES = ("neural-optimizer-search", "tensorflow", "tf-agents", "keras", "numpy")


def read_found(directory: Path) -> list[Evaluation]:
    """What the search, or the promotion, in a directory has found so far, in order.

    Raises:
      OSError, ValueError, sqlite3.Error: If there is no run, or it is damaged, or of another version.
    """
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        return ledger.evaluations("search")


def find_owner(directory: Path) -> Optional[str]:
    """What a directory belongs to, such as "a search"; None if it is free for anything. A directory has one owner."""
    return next((owner for name, owner in _OWNERS.items() if os.path.lexists(directory / name)), None)


def rank(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """The evaluations by reward, the best first; of equal ones, the one found first."""
    return sorted(evaluations, key=lambda e: -e.reward)


def find_versions() -> dict[str, str]:
    """What a run is computed with, by name; without the packages that are not installed."""
    found = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **{name: version for name, version in found.items() if version}}


def _version(package) -> Optional[str]:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return None
