"""The training runs of one rule, kept on disk so that any process can continue them."""

import hashlib
import json
import re
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged, require_regular, write_whole
from neural_optimizer_search.measuring.child_run import ChildRun, Snapshot, TrainingRun, find_curves, make_run
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining

# Maximum training time that is lost if the process is killed.
SAVE_SECONDS = 60.0
_HASH = re.compile("[0-9a-f]{16}")


class CannotKeep(Exception):
    """A run cannot be written or read; the message says why, and what to do."""


def find_directory(directory: Path, rule: Rule) -> Path:
    """The directory of a rule's runs, in the directory for the runs of all rules."""
    return directory / _hash(rule.canonical())


def is_of_rule(place: Path) -> bool:
    """Whether a path is a directory, and named like those of `find_directory`."""
    return bool(_HASH.fullmatch(place.name)) and place.is_dir() and not place.is_symlink()


class _Kept(NamedTuple):
    """A run as it is stored in its file.

    Attributes:
      run: The `TrainingRun` so far; its curves have a value for each validation of the whole run.
      marks: Step between two validations -> [score, loss, metric] after that step.
      seconds: Duration so far.
      values: Values of the variables; None if the run will not continue.
    """

    run: TrainingRun
    marks: dict[int, np.ndarray]
    seconds: float
    values: Optional[list[np.ndarray]]


class KeptRuns:
    """Trains children with one rule like `RuleRuns`, but each run is the beginning of a whole one.

    The result of a run does not depend on where it was stopped, or on which process continued it.

    Args:
      train: A `ChildTraining`.
      rule: A `Rule`.
      directory: The directory for the runs of all rules; each rule has a subdirectory.
      end: The step at which runs stop.
      steps: Steps of a whole run: T of decay operands and schedules.
      validate_every: Steps between validations.

    Raises:
      CannotKeep: If the directory is not on this machine, or cannot be written.
    """

    def __init__(self, train: ChildTraining, rule: Rule, directory: Path, end: int, steps: int, validate_every: int):
        self._train, self._rule, self._directory = train, rule, find_directory(directory, rule)
        self._end, self._steps, self._every = end, steps, validate_every
        self._found: dict[RunPlan, _Kept] = {}
        if not directory.is_dir():
            raise CannotKeep(
                f"{directory} is not on {socket.gethostname()}: trainings are kept there, so that they can go "
                "on. Keep the promotion in a directory that all machines share."
            )
        self._try_to_write(lambda: self._directory.mkdir(exist_ok=True))

    def __call__(self, plan: RunPlan) -> TrainingRun:
        """The results of the first steps of a run, with a validation at its end.

        Args:
          plan: The run. It ends after its `steps`, unless `end` comes first; T and the validations are those of a
            whole run.
        """
        whole, end = plan._replace(steps=self._steps, validate_every=self._every), self.until(plan.steps)
        kept = self._read(whole)
        if kept is None or not self._is_known(kept, end):
            kept = self._go_on(whole, kept, end)
        self._found[whole] = kept
        return self._cut(kept, end)

    def until(self, steps: int) -> int:
        """The step at which a run of this many steps stops."""
        return min(steps, self._end)

    @property
    def steps(self) -> int:
        """Steps done so far in all requested runs."""
        return sum(kept.run.steps for kept in self._found.values())

    @property
    def seconds(self) -> float:
        """Duration of these runs so far, in all processes."""
        return sum(kept.seconds for kept in self._found.values())

    def give_up(self, goes_on: Callable[[RunPlan], bool]) -> None:
        """Drops the weights of runs that will not continue, and keeps their results.

        Args:
          goes_on: Whether a run, with its steps in all, will continue.
        """
        for plan, kept in self._found.items():
            if kept.values is not None and not goes_on(plan):
                self._write(plan, kept._replace(values=None))

    # -- Training --------------------------------------------------------------------------------------

    def _go_on(self, plan, kept, end):
        start = None
        if kept and kept.values is not None and kept.run.steps <= end:
            start = Snapshot(kept.run, kept.values)
        try:
            child = self._train.begin(self._rule, plan, start)
        except ValueError as error:
            if start is None:
                raise
            raise _damaged(self._place(plan)[0], error) from error
        marks, seconds = (kept.marks, kept.seconds) if kept else ({}, 0.0)
        began = saved = time.monotonic()
        while (run := child.advance_a_piece(end)).finite and run.steps < end:
            if time.monotonic() >= saved + SAVE_SECONDS:
                self._write(plan, _keep(child, marks, seconds + time.monotonic() - began))
                saved = time.monotonic()
        if run.finite and end % self._every:
            marks = {**marks, end: child.validate()}
        kept = _keep(child, marks, seconds + time.monotonic() - began)
        self._write(plan, kept)
        return kept

    def _is_known(self, kept, end):
        if kept.run.steps <= end and not kept.run.finite:
            return True
        return kept.run.steps >= end and (end % self._every == 0 or end in kept.marks)

    def _cut(self, kept, end):
        """The run as it was at the step `end`."""
        run = kept.run
        if not run.finite and run.steps <= end:
            return run
        seen = [find_curves(run)[: end // self._every]]
        if end % self._every:
            seen.append(kept.marks[end][None])
        return make_run(True, end, np.concatenate(seen), run.update_rms)

    # -- Files -----------------------------------------------------------------------------------------

    def _place(self, plan):
        rate, seed, steps, every, schedule, decay = plan
        whole = [self._rule.canonical(), rate, seed, str(schedule), decay, steps, every]
        key = json.dumps(whole)
        return self._directory / f"{_hash(key)}.npz", key

    def _read(self, plan):
        path, key = self._place(plan)
        try:
            require_regular(path)
            with np.load(path, allow_pickle=False) as file:
                return _read_kept({name: file[name] for name in file}, key, self._steps // self._every)
        except FileNotFoundError:
            return None
        except (Damaged, OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise _damaged(path, error) from error

    def _write(self, plan, kept):
        path, key = self._place(plan)

        def write(unfinished):
            with open(unfinished, "wb") as file:  # NumPy would append an extension to a name
                np.savez(file, **_arrays(kept, key))

        self._try_to_write(lambda: write_whole(path, write))

    def _try_to_write(self, write):
        try:
            write()
        except OSError as error:
            raise CannotKeep(
                f"A training cannot be kept in {self._directory}: {error.strerror or error}. Make room, or fix "
                "the cause."
            ) from error


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _damaged(path, error):
    what = f"{path} is damaged, or of another release ({str(error).rstrip('.')})."
    return CannotKeep(f"{what} Remove it: its training then starts again.")


def _keep(child: ChildRun, marks, seconds):
    run, values = child.save()
    return _Kept(run, marks, seconds, values if run.finite else None)


def _arrays(kept, key):
    run = kept.run
    about = dict(key=key, finite=run.finite, steps=run.steps, update_rms=run.update_rms, seconds=kept.seconds)
    about.update(values=None if kept.values is None else len(kept.values))
    return dict(
        about=np.array(json.dumps(about)),
        curves=find_curves(run),
        mark_steps=np.array(list(kept.marks), np.int64),
        marks=np.array(list(kept.marks.values()), np.float32).reshape(-1, 3),
        **{f"value_{i}": value for i, value in enumerate(kept.values or ())},
    )


def _read_kept(arrays, key, validations):
    about = json.loads(str(arrays["about"]))
    if about["key"] != key:
        raise Damaged("it has another training")
    if arrays["curves"].shape != (validations, 3):
        raise Damaged(f"it has {len(arrays['curves'])} validations of {validations}")
    run = make_run(about["finite"], about["steps"], arrays["curves"], about["update_rms"])
    count = about["values"]
    values = None if count is None else [arrays[f"value_{i}"] for i in range(count)]
    return _Kept(run, dict(zip(arrays["mark_steps"].tolist(), arrays["marks"])), about["seconds"], values)
