"""What a command does with a task of the user's own before the first rule; a shipped task passes as it is."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Optional
from typing import Protocol as Contract

from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.search.description_table import format_lines
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.tasks.named_task import NamedTask
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.workers.describing import Describer


class PreparedTask(NamedTuple):
    """A task whose rewards will mean something, as far as can be seen beforehand.

    Attributes:
      task: The `Task` for the workers. One of the user's own knows what its data must be.
      identity: As of `Task.identity`; a task of the user's own has that of its fingerprint.
      fingerprint: Of a task of the user's own; None for a shipped one.
    """

    task: Task
    identity: Optional[str]
    fingerprint: Optional[Fingerprint] = None


def recall_task(task: Task, protocol: Protocol, recorded: Optional[Fingerprint]) -> Optional[PreparedTask]:
    """A task as it was described before, if its code is the same; None if it has to be described again.

    Other data are then found by the workers, if any start.

    Args:
      task: The `Task`.
      protocol: The `Protocol`.
      recorded: Its fingerprint; None if there is none.
    """
    if not isinstance(task, NamedTask) or recorded is None:
        return None
    return _prepare(task, protocol, recorded) if recorded.is_of_code(task.name.partition(":")[0]) else None


def _prepare(task, protocol, fingerprint):
    known = dataclasses.replace(task, data=" ".join(fingerprint.data.values()), untrained_loss=fingerprint.untrained)
    return PreparedTask(known, fingerprint.identity(task, protocol), fingerprint)


class TaskRecord(Contract):
    """Where a run records with which task of the user's own it goes on, such as its `Ledger`."""

    @property
    def fingerprint(self) -> Optional[Fingerprint]:
        """What was recorded; None if nothing was."""
        ...

    def set_fingerprint(self, fingerprint: Fingerprint, change: str = "") -> None:
        """Records it, and what is another than before, in words."""
        ...


class ChangedTask(ValueError):
    """A run is to go on with another task than it began with; the message says what is another."""


def prepare_task(
    command: str,
    task: Task,
    protocol: Protocol,
    describe: Describer,
    data_dir: Optional[str],
    tracebacks: Path,
    require_in_place: Callable[[], None] = lambda: None,
) -> PreparedTask:
    """Describes and checks a task of the user's own, and prints what will be trained.

    Args:
      command: Its name, before notes on standard error.
      task, protocol, data_dir: As for `Evaluator`.
      describe: What describes it.
      tracebacks, require_in_place: As for `keep_tracebacks`.

    Raises:
      TaskFailed: If no reward of it would mean anything, or it cannot be trained.
    """
    if not isinstance(task, NamedTask):
        return PreparedTask(task, task.identity(protocol))
    # A model of hours a training takes minutes here.
    print(f"Reads the data of {task.name}, and trains it for a few steps.", flush=True)
    with keep_tracebacks(describe, tracebacks, require_in_place):
        description = describe(task, protocol, data_dir)
    print(format_lines(task.name, description), flush=True)
    for note in description.notes:
        print(f"{command}: note: {note}", file=sys.stderr)
    fingerprint = description.fingerprint
    assert fingerprint is not None  # the task is the user's own
    return _prepare(task, protocol, fingerprint)


def record_fingerprint(ledger: TaskRecord, now: Optional[Fingerprint], way_on: str, may_change: bool = False) -> None:
    """Records with which task of the user's own a run goes on.

    Args:
      ledger: Of the run.
      now: The task's fingerprint; None for a shipped task.
      way_on: What else may be done than to undo the change, in words.
      may_change: Whether it may be another one than before.

    Raises:
      ChangedTask: If it is another one, and may not be.
      Damaged: If the ledger has a fingerprint that is none.
    """
    if now is None:
        return
    before = ledger.fingerprint
    change = before.describe_change(now) if before else ""
    if change and not may_change:
        raise ChangedTask(
            f"the task is not the one that the run began with ({change}), and rewards of both cannot be compared. "
            f"Undo that, or {way_on}."
        )
    if change or before is None:
        ledger.set_fingerprint(now, change)
