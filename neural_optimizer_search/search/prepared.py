"""Prepares the task, or the several tasks, on which a search measures rules."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.anchors import Anchors
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.ended import has_ended
from neural_optimizer_search.search.own_task import (
    ChangedTask,
    PreparedTask,
    prepare_task,
    recall_task,
    record_fingerprint,
)
from neural_optimizer_search.search.registry import find_algorithm
from neural_optimizer_search.tasks.joint_task import JointTask, Measurable
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.trials.first_trials import find_most_trial_steps


class PreparedSearch(NamedTuple):
    """The task and the protocol for the workers of a search, and the identities that its rewards depend on.

    Attributes:
      task: The `Task`; for several, a `JointTask`.
      protocol: Its protocol; for several tasks, that of the first, with the seeds of all, and `racing` if any has it.
      identities: The `Task.identity` of each task.
    """

    task: Measurable
    protocol: Protocol
    identities: tuple[Optional[str], ...]

    @property
    def is_joint(self) -> bool:
        """Whether there are several tasks."""
        return isinstance(self.task, JointTask)

    def identity(self, anchors: Optional[Anchors] = None) -> Optional[str]:
        """The identity from `join_identities`."""
        return join_identities(self.identities, anchors)


def join_identities(identities: Sequence[Optional[str]], anchors: Optional[Anchors] = None) -> Optional[str]:
    """A text that changes whenever a joint reward on the tasks may change; None if one of them has no identity.

    Args:
      identities: The `Task.identity` of each task.
      anchors: The `Anchors`, which define the scores on several tasks.
    """
    known = [identity for identity in identities if identity is not None]
    if len(known) < len(identities):
        return None
    return " and ".join([*known, *([repr(dict(anchors.scales))] if anchors else [])])


def prepare_search(
    config: SearchConfig, ledger: Ledger, tracebacks: Path, way_on: str, may_change: bool = False
) -> PreparedSearch:
    """Describes and checks each of the user's own tasks, and records its fingerprint.

    If a search has nothing left to do, only the code of the task is examined.

    Args:
      config: Flags of the search.
      ledger: Its `Ledger`.
      tracebacks: See `prepare_task`.
      way_on, may_change: See `record_fingerprint`.

    Raises:
      TaskFailed: If the rewards of one would be meaningless, or it cannot be trained.
      ChangedTask: If one differs from before, and may not.
      Damaged: If the ledger's fingerprint or end is invalid.
    """
    describe, in_place = config.make_describer(), ledger.require_in_place
    # Nothing will be measured, so the recorded description is enough.
    recalls = has_ended(config, ledger) and not may_change
    found = config.find_each()
    tries_settings = find_algorithm(config.algorithm).tries_settings

    def prepare(task: Task, protocol: Protocol) -> PreparedTask:
        recorded = ledger.run.fingerprint if len(found) == 1 else ledger.run.fingerprints.get(task.name)
        recalled = recall_task(task, protocol, recorded) if recalls else None
        trial_steps = find_most_trial_steps(protocol) if tries_settings else None
        where = config.data_dir, tracebacks, in_place
        return recalled or prepare_task("nos-search", task, protocol, describe, *where, trial_steps)

    if len(found) == 1:
        ((task, protocol),) = found
        task, identity, fingerprint = prepare(task, protocol)
        record_fingerprint(ledger.run, fingerprint, way_on, may_change)
        return PreparedSearch(task, protocol, (identity,))
    prepared = [prepare(*one) for one in found]
    for one in prepared:
        _record_one(ledger, one, way_on, may_change)
    parts = tuple((one.task, protocol) for one, (_, protocol) in zip(prepared, found))
    racing = next((protocol.racing for _, protocol in found if protocol.racing), None)
    protocol = dataclasses.replace(found[0][1], racing=racing)
    return PreparedSearch(JointTask(parts), protocol, tuple(one.identity for one in prepared))


def _record_one(ledger, prepared, way_on, may_change):
    name = prepared.task.name
    try:
        record_fingerprint(_OneOfSeveral(name, ledger), prepared.fingerprint, way_on, may_change)
    except ChangedTask as error:
        raise ChangedTask(f"{name}: {error}") from error


class _OneOfSeveral(NamedTuple):
    """The `TaskRecord` of one task in a run on several."""

    name: str
    ledger: Ledger

    @property
    def fingerprint(self) -> Optional[Fingerprint]:
        return self.ledger.run.fingerprints.get(self.name)

    def set_fingerprint(self, fingerprint: Fingerprint, change: str = "") -> None:
        self.ledger.run.set_fingerprint_of(self.name, fingerprint, change and f"{self.name}: {change}")
