"""What a ledger records about its run as a whole: its configuration, its task, where it was made, and its end."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.measuring.probe import Descent
from neural_optimizer_search.origin import find_origin
from neural_optimizer_search.records.connection import Connection
from neural_optimizer_search.records.rows import (
    Start,
    from_row,
    read_batch_size,
    read_descent,
    read_start,
    to_row,
)

_REQUIRED = object()  # in place of a default
_WORDS = {dict: "table of names and values", list: "list", str: "text", int: "whole number"}


class RunTable:
    """The table `run` of a ledger: one JSON value for each name.

    Args:
      connection: The ledger's `Connection`.
    """

    def __init__(self, connection: Connection):
        self._connection = connection

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that defines the run."""
        return self._read("config", dict)

    @property
    def kind(self) -> str:
        """What the ledger records: "search" or "promotion"."""
        return self._read("kind", str)

    @property
    def id(self) -> str:
        """The unique name of the run."""
        return self._read("id", str)

    @property
    def origin(self) -> dict[str, str]:
        """The user, machine and path that created the run: see `find_origin`."""
        return self._read("origin", dict)

    @property
    def versions(self) -> list[dict[str, str]]:
        """The software versions that the run used, one dict for each change."""
        found = self._read("versions", list)
        if not all(isinstance(table, dict) for table in found):
            raise Damaged(f"{self._connection.path}: its versions are not tables of names and values.")
        return found

    @property
    def start(self) -> list[Start]:
        """The rules that the search proposes first, as they were when it was created."""
        rows = self._read("start", list, [])
        with self._connection.naming():
            return list(map(read_start, rows))

    @property
    def fingerprint(self) -> Optional[Fingerprint]:
        """The fingerprint of the user's own task; None for a shipped task, or if none was recorded."""
        recorded = self._read("fingerprint", dict, None)
        return None if recorded is None else self._read_fingerprint(recorded)

    @property
    def task_changes(self) -> list[str]:
        """The changes of the user's own task during the run, in words, oldest first."""
        found = self._read("task_changes", list, [])
        if not all(isinstance(change, str) for change in found):
            raise Damaged(f"{self._connection.path}: its changes of the task are not texts.")
        return found

    def set_fingerprint(self, fingerprint: Fingerprint, change: str = "") -> None:
        """Records the user's own task that rewards belong to from now on.

        Args:
          fingerprint: Fingerprint of the task.
          change: The change of the task, in words; "" for none.
        """
        self.set_values(fingerprint=fingerprint.as_dict(), task_changes=self._with_change(change))

    @property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """Fingerprints of the user's own tasks in a run of several tasks, by their names."""
        recorded = self._read("fingerprints", dict, {})
        return {task: self._read_fingerprint(one) for task, one in recorded.items()}

    def set_fingerprint_of(self, task: str, fingerprint: Fingerprint, change: str = "") -> None:
        """Records the fingerprint of one of several tasks, as `set_fingerprint` does for a single task."""
        all_of_them = {**self.fingerprints, task: fingerprint}
        recorded = {name: one.as_dict() for name, one in all_of_them.items()}
        self.set_values(fingerprints=recorded, task_changes=self._with_change(change))

    def _with_change(self, change):
        return [*self.task_changes, change] if change else self.task_changes

    def _read_fingerprint(self, recorded):
        try:
            return Fingerprint.from_dict(recorded)
        except ValueError as error:
            raise Damaged(f"{self._connection.path}: {error}") from error

    @property
    def most_proposed(self) -> int:
        """The number of complete proposals before some were dropped; 0 if none ever were."""
        return self._read("proposed", int, 0)

    @property
    def earlier_batch_sizes(self) -> tuple[tuple[int, Optional[int]], ...]:
        """Earlier batch sizes as (number, size) pairs for the proposals below the number; see `BatchSizes`."""
        rows = self._read("batch_sizes", list, [])
        with self._connection.naming():
            return tuple(map(read_batch_size, rows))

    @property
    def anchors(self) -> list[Evaluation]:
        """The evaluations of tuned SGD and tuned Adam, which define the scores on several tasks; else empty."""
        rows = self._read("anchors", list, None)
        if rows is None:
            return []
        with self._connection.naming():
            try:
                found = [from_row(row) for row in rows]
            except (KeyError, TypeError, ValueError) as error:
                raise Damaged(f"its anchors are damaged: {error!s:.200}") from error
            if len(found) != 2 or not found[0].parts or len({tuple(map(_name_scale, e.parts)) for e in found}) != 1:
                raise Damaged("its anchors are not two evaluations on the same tasks.")
            return found

    def set_anchors(self, anchors: Sequence[Evaluation]) -> None:
        """Records the evaluations that define the scores on several tasks."""
        self.set_values(anchors=[to_row(evaluation) for evaluation in anchors])

    @property
    def descent(self) -> Optional[Descent]:
        """The first gradients of the task's child, which distinguish rules; None if none were recorded."""
        recorded = self._read("descent", dict, None)
        with self._connection.naming():
            return None if recorded is None else read_descent(recorded)

    def set_descent(self, recorded: Mapping[str, Any]) -> None:
        """Records the first gradients of the task's child, as `Evaluator.record_descent` returns them."""
        self.set_values(descent=recorded)

    @property
    def end(self) -> dict[str, Any]:
        """The settings with which the search finished; empty if it may have work left."""
        return self._read("end", dict, {})

    def set_end(self, asked: Mapping[str, Any]) -> None:
        """Records the settings with which the search finished."""
        self.set_values(end=asked)

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Records the configuration with which the run continues here."""
        self.set_values(config=config, origin=find_origin(self._connection.path.parent))

    def add_versions(self, versions: Mapping[str, str]) -> None:
        """Records the software versions that the run uses from now on, by name."""
        known = self.versions
        if known[-1:] != [versions]:
            self.set_values(versions=[*known, versions])

    def set_values(self, **values: Any) -> None:
        """Records entries of the table."""
        with self._connection.writing() as db:
            rows = [(key, json.dumps(value)) for key, value in values.items()]
            db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)

    def _read(self, key, kind, default: Any = _REQUIRED) -> Any:
        """The value of an entry; the default, if there is one, without the entry."""
        found = self._connection.read("SELECT value FROM run WHERE key = ?", [key])
        if not found and default is not _REQUIRED:
            return default
        with self._connection.naming():
            try:
                ((text,),) = found
                value = json.loads(text)
            except (TypeError, ValueError, RecursionError) as error:
                raise Damaged(f"its {key} is damaged: {error!s:.100}.") from error
            if not isinstance(value, kind):
                raise Damaged(f"its {key} is not a {_WORDS[kind]}.")
            return value


def _name_scale(part):
    return part.task, part.zero, part.one
