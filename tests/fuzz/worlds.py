"""A directory with a small run of each kind, made without training, as a kill has left them."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import fakes
import pytest

from neural_optimizer_search.promotion import command as promotion
from neural_optimizer_search.records import cache_file
from neural_optimizer_search.records.cache_file import NAME
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command, loop
from neural_optimizer_search.search.known_optimizers import THE_SIX
from neural_optimizer_search.workers.config import EXECUTORS

# The known optimizers are the first six evaluations of each search and of each rung.
ALIKE = ["--protocol", "reduced", "--workers", "1", "--baselines", THE_SIX]
SMALL = ["--space", "signs", "--depth", "2", "--budget", "14", *ALIKE]
RUNGS = ["--task", "digits", "--top", "4", "--rungs", "2", "--keep", "1/2", *ALIKE]
EARLIER, KILLED = 12, 17
CACHES = "caches"


class World:
    """The directory `here`, which can be set back to what it was.

    Args:
      base: An empty directory.
      with_controllers: Make "other-ppo", too, which takes seconds.

    Attributes:
      here: It holds the searches "evolution" and "ppo" and the promotion "promoted" as kills left them, each search
        with a file in "caches"; "whole" is the search that is promoted, and "other" and "other-ppo" are of other
        people.
      earlier: The searches as they were some steps before the kill.
      undisturbed: What the two searches find if nobody kills them, by name.
    """

    def __init__(self, base: pathlib.Path, with_controllers: bool = True):
        self.here, self.earlier, self._kept = base / "here", base / "earlier", base / "kept"
        self.undisturbed: dict[str, tuple] = {}
        self.here.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "STEPS_PER_SAVE", 1)
            for name in ("whole", "other", *(["other-ppo"] if with_controllers else [])):
                self._search(patch, name, "ppo" if name == "other-ppo" else "evolution", len(name), {})
                shutil.copytree(self.here / name, self._kept / name)
            for name in ("evolution", "ppo"):
                self._search(patch, name, name, 3, {EARLIER: self.earlier, KILLED: self._kept})
                self.undisturbed[name] = record(self.here / name / "ledger.sqlite")
            self._count(patch, "promoted", {4 + 6 + 6 + 2: self._kept})
            assert promotion.main([str(self.here / "whole"), *RUNGS, "--out", str(self.here / "promoted")]) == 0
        for name in ("reports", "mine"):
            (self._kept / name).mkdir()
        (self._kept / "mine" / "thesis.txt").write_text("Three years of work.")

    def _search(self, patch, name, algorithm, seed, copies):
        self._count(patch, name, copies)
        place = ["--out", str(self.here / name), "--cache", str(self.cache_of(name))]
        assert command.main(["--algorithm", algorithm, "--seed", str(seed), *SMALL, *place]) == 0

    def _count(self, patch, name, copies):
        """Has the run copied at some of its evaluations, with all its files open, as a kill leaves them."""
        done = 0

        def evaluate(rule):
            nonlocal done
            done += 1
            if done in copies:
                for path in (self.here / name, self.cache_of(name).parent):
                    if path.exists():
                        shutil.copytree(path, copies[done] / path.relative_to(self.here))
            return fakes.fake_evaluation(rule)

        patch.setitem(EXECUTORS, "local", fakes.open_fake(evaluate))

    def cache_of(self, name: str) -> pathlib.Path:
        return self.here / CACHES / name / NAME

    def set_back(self) -> None:
        """Makes `here` what it was."""
        remove(self.here)
        shutil.copytree(self._kept, self.here, symlinks=True)


def record(path: pathlib.Path) -> tuple:
    """Everything that a search, or a rung, proposed and was paid, and what it measured."""
    with contextlib.closing(Ledger(path, read_only=True)) as ledger:
        evaluations = sorted((e.key, e.reward, e.status) for e in ledger.evaluations())
        return ledger.samples(), evaluations, ledger.counts()


@contextlib.contextmanager
def nothing_trained() -> Iterator[None]:
    """Commands train nothing, save at each step, and do not wait long for another writer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXECUTORS, "local", fakes.open_nothing)
        patch.setattr(loop, "STEPS_PER_SAVE", 1)
        patch.setattr(cache_file, "BUSY_SECONDS", 0.1)
        yield


def remove(path: pathlib.Path) -> None:
    """Removes what is at a path, whatever it is and whoever may read it."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for directory, names, _ in os.walk(path):
        for name in names:
            if not os.path.islink(os.path.join(directory, name)):
                os.chmod(os.path.join(directory, name), 0o700)
    shutil.rmtree(path)
