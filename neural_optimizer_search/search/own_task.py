"""Describes and checks the user's own task before the first rule; a shipped task passes unchanged."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Optional
from typing import Protocol as Contract

from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.search.description_table import format_lines
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.tasks.named_task import NamedTask, join_hashes
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.workers.describing import Describer


class PreparedTask(NamedTuple):
    """A task whose rewards will be meaningful, as far as can be seen beforehand.

    Attributes:
      task: The `Task` for the workers. A user's own task knows which data it must have.
      identity: The result of `Task.identity`; for a user's own task, that of its fingerprint.
      fingerprint: Fingerprint of a user's own task; None for a shipped one.
    """

    task: Task
    identity: Optional[str]
    fingerprint: Optional[Fingerprint] = None


def recall_task(task: Task, protocol: Protocol, recorded: Optional[Fingerprint]) -> Optional[PreparedTask]:
    """A task as it was described before, if its code is the same; None if it has to be described again.

    The data are not compared: only workers, if any start, can notice that they have changed.

    Args:
      task: The `Task`.
      protocol: The `Protocol`.
      recorded: Its fingerprint; None if there is none.
    """
    if not isinstance(task, NamedTask) or recorded is None:
        return None
    return _prepare(task, protocol, recorded) if recorded.is_of_code(task.name.partition(":")[0]) else None


def _prepare(task, protocol, fingerprint):
    known = dataclasses.replace(task, data=join_hashes(fingerprint.data), untrained_loss=fingerprint.untrained)
    return PreparedTask(known, fingerprint.identity(task, protocol), fingerprint)


class TaskRecord(Contract):
    """The part of a run, such as a `RunTable`, that records the user's own task with which it continues."""

    @property
    def fingerprint(self) -> Optional[Fingerprint]:
        """The recorded fingerprint; None if there is none."""
        ...

    def set_fingerprint(self, fingerprint: Fingerprint, change: str = "") -> None:
        """Records a fingerprint, and what has changed, in words."""
        ...


class ChangedTask(UserError):
    """A run was resumed with a task that differs from the one it began with; the message says how."""


def prepare_task(
    command: str,
    task: Task,
    protocol: Protocol,
    describe: Describer,
    data_dir: Optional[str],
    tracebacks: Path,
    require_in_place: Callable[[], None] = lambda: None,
    trial_steps: Optional[int] = None,
) -> PreparedTask:
    """Describes and checks a user's own task, and prints what will be trained.

    Args:
      command: The command's name, which precedes notes on standard error.
      task, protocol, data_dir: See `Evaluator`.
      describe: The function that describes it.
      tracebacks, require_in_place: See `keep_tracebacks`.
      trial_steps: See `format_lines`.

    Raises:
      TaskFailed: If its rewards would be meaningless, or it cannot be trained.
    """
    if not isinstance(task, NamedTask):
        return PreparedTask(task, task.identity(protocol))
    # On one CPU thread these may take longer than those of a rule do on a GPU.
    print(f"Reads the data of {task.name}, and trains it with Adam: two whole runs and a short one.", flush=True)
    with keep_tracebacks(describe, tracebacks, require_in_place):
        description = describe(task, protocol, data_dir)
    print(format_lines(task.name, description, trial_steps), flush=True)
    for note in description.notes:
        print(f"{command}: note: {note}", file=sys.stderr)
    fingerprint = description.fingerprint
    assert fingerprint is not None  # the task is the user's own
    return _prepare(task, protocol, fingerprint)


def record_fingerprint(kept: TaskRecord, now: Optional[Fingerprint], way_on: str, may_change: bool = False) -> None:
    """Records the user's own task with which a run continues.

    Args:
      kept: What the run keeps of its task: `Ledger.run`, or the file of a tuning.
      now: The task's fingerprint; None for a shipped task.
      way_on: An alternative to undoing the change, in words.
      may_change: Whether it may differ from the one before.

    Raises:
      ChangedTask: If it differs, and may not.
      Damaged: If the ledger's fingerprint is invalid.
    """
    if now is None:
        return
    before = kept.fingerprint
    change = before.describe_change(now) if before else ""
    if change and not may_change:
        raise ChangedTask(
            f"the task is not the one that the run began with ({change}), and rewards of both cannot be compared. "
            f"Undo that, or {way_on}."
        )
    if change or before is None:
        kept.set_fingerprint(now, change)
