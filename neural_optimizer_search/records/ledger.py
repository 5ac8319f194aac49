"""The record of a search: one SQLite file with the run's configuration, every evaluation and every sample.

One process writes; others may read while it does. An evaluation is committed as soon as it is finished, so that
nothing that a child computed is lost. A ledger holds JSON and numbers but no code, so a stranger's is safe to read.
"""

import contextlib
import functools
import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.file_lock import FileLock, Moved
from neural_optimizer_search.files import Damaged, require_own
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.measuring.probe import Descent
from neural_optimizer_search.origin import find_origin
from neural_optimizer_search.records import ledger_file, sqlite_files
from neural_optimizer_search.records.counts import STEPS_OF, Counts, count_steps
from neural_optimizer_search.records.rows import (
    COLUMNS,
    FRESH_COLUMNS,
    Sample,
    Start,
    Tuning,
    check_sample,
    from_row,
    read_batch_size,
    read_descent,
    read_rule,
    read_start,
    to_row,
    to_tuning,
    write_rule,
    write_start,
)
from neural_optimizer_search.records.stored import StoredRows

LAST_RULES = 4096  # number of recent rules that are kept, because many samples repeat a rule
# The kinds of ledgers.
SEARCH, PROMOTION = "search", "promotion"


class NotThisRun(ValueError):
    """The ledger belongs to another run, or is not of the expected kind."""


class Ledger:
    """Opens a ledger, or creates one.

    Args:
      path: The file.
      config: A JSON-able dict that describes the run to create a ledger; None to open one.
      read_only: Whether to read the ledger as it is now. This needs no write permission, and another process may go
        on writing it.
      kind: "search" or "promotion": what the ledger records. If given, an opened ledger must be of this kind.
      run_id: The unique name of the run; a new one by default. If given, an opened ledger must have it.
      start: The `Start`s of a new search.

    Raises:
      FileExistsError, FileNotFoundError: If a ledger to create exists, or one to open does not.
      InUse: If another process has it open for writing.
      Damaged: If the file is not a ledger, is damaged, or has another version. Rows are checked when they are read.
      NotThisRun: If it is of another kind or another run than required.
    """

    def __init__(
        self,
        path: Path,
        config: Optional[Mapping[str, Any]] = None,
        read_only: bool = False,
        kind: Optional[str] = None,
        run_id: Optional[str] = None,
        start: Sequence[Start] = (),
    ):
        if config is not None and path.exists():
            raise FileExistsError(f"{path} exists.")
        if config is None and not path.exists():
            raise FileNotFoundError(f"{path} does not exist.")
        self._path, self._lock, self._counts = path, None, None
        with contextlib.ExitStack() as stack:
            if config is not None:
                name, origin = run_id or uuid.uuid4().hex, find_origin(path.parent)
                about: dict[str, Any] = {"config": config, "kind": kind or SEARCH, "id": name, "origin": origin}
                about.update(versions=[], **({"start": list(map(write_start, start))} if start else {}))
                ledger_file.make_ledger_file(path, about)
            if not read_only:
                require_own(path)
                sqlite_files.require_plain(path)
                self._lock = stack.enter_context(contextlib.closing(FileLock(path)))
            db = ledger_file.open_to_read(path, stack) if read_only else ledger_file.open_to_write(path)
            self._db = stack.enter_context(contextlib.closing(db))
            with self._naming():
                ledger_file.check_version(self._db)
                ledger_file.check_rows(self._db)
            self._check_run(kind, run_id)
            ledger_file.upgrade(self._db)
            self._opened = stack.pop_all()

    def _check_run(self, kind, run_id):
        if kind not in (None, self.kind):
            raise NotThisRun(f"{self._path} is the ledger of a {self.kind}, not of a {kind}.")
        if run_id not in (None, self.run_id):
            raise NotThisRun(f"{self._path} is the ledger of another run.")

    # -- The run ---------------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that defines the run."""
        return self._about("config", dict)

    @property
    def kind(self) -> str:
        """What the ledger records: "search" or "promotion"."""
        return self._about("kind", str)

    @property
    def run_id(self) -> str:
        """The unique name of the run."""
        return self._about("id", str)

    @property
    def origin(self) -> dict[str, str]:
        """The user, machine and path that created the run: see `find_origin`."""
        return self._about("origin", dict)

    @property
    def versions(self) -> list[dict[str, str]]:
        """The software versions that the run used, one dict for each change."""
        found = self._about("versions", list)
        if not all(isinstance(table, dict) for table in found):
            raise Damaged(f"{self._path}: its versions are not tables of names and values.")
        return found

    @property
    def start(self) -> list[Start]:
        """The rules that the search proposes first, as they were when it was created."""
        if not self._has("start"):
            return []
        with self._naming():
            return list(map(read_start, self._about("start", list)))

    @property
    def fingerprint(self) -> Optional[Fingerprint]:
        """The fingerprint of the user's own task; None for a shipped task, or if none was recorded."""
        return self._read_fingerprint(self._about("fingerprint", dict)) if self._has("fingerprint") else None

    @property
    def task_changes(self) -> list[str]:
        """The changes of the user's own task during the run, in words, oldest first."""
        found = self._about("task_changes", list) if self._has("task_changes") else []
        if not all(isinstance(change, str) for change in found):
            raise Damaged(f"{self._path}: its changes of the task are not texts.")
        return found

    def set_fingerprint(self, fingerprint: Fingerprint, change: str = "") -> None:
        """Records the user's own task that rewards belong to from now on.

        Args:
          fingerprint: Fingerprint of the task.
          change: The change of the task, in words; "" for none.
        """
        self._set_about(fingerprint=fingerprint.as_dict(), task_changes=self._with_change(change))

    @property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """Fingerprints of the user's own tasks in a run of several tasks, by their names."""
        recorded = self._about("fingerprints", dict) if self._has("fingerprints") else {}
        return {task: self._read_fingerprint(one) for task, one in recorded.items()}

    def set_fingerprint_of(self, task: str, fingerprint: Fingerprint, change: str = "") -> None:
        """Records the fingerprint of one of several tasks, as `set_fingerprint` does for a single task."""
        all_of_them = {**self.fingerprints, task: fingerprint}
        recorded = {name: one.as_dict() for name, one in all_of_them.items()}
        self._set_about(fingerprints=recorded, task_changes=self._with_change(change))

    def _with_change(self, change):
        return [*self.task_changes, change] if change else self.task_changes

    def _read_fingerprint(self, recorded):
        try:
            return Fingerprint.from_dict(recorded)
        except ValueError as error:
            raise Damaged(f"{self._path}: {error}") from error

    @property
    def proposed(self) -> int:
        """The largest number of complete proposals that the ledger ever had; a resumed search drops some of them."""
        forgotten = self._about("proposed", int) if self._has("proposed") else 0
        return max(forgotten, self.steps - len(self.find_tuned_steps()))

    @property
    def earlier_batch_sizes(self) -> tuple[tuple[int, Optional[int]], ...]:
        """Earlier batch sizes as (number, size) pairs for the proposals below the number; see `BatchSizes`."""
        rows = self._about("batch_sizes", list) if self._has("batch_sizes") else []
        with self._naming():
            return tuple(map(read_batch_size, rows))

    def change_batch_size(self, before: Optional[int], ahead: int) -> None:
        """Records that the batch size changes with the first proposal that has not begun.

        Args:
          before: The earlier size.
          ahead: Number of proposals that may have begun in addition to the one to be learned from next.
        """
        self._set_about(batch_sizes=[*self.earlier_batch_sizes, (self.proposed + 1 + ahead, before)])

    @property
    def anchors(self) -> list[Evaluation]:
        """The evaluations of tuned SGD and tuned Adam, which define the scores on several tasks; else empty."""
        if not self._has("anchors"):
            return []
        rows = self._about("anchors", list)
        with self._naming():
            try:
                found = [from_row(row) for row in rows]
            except (KeyError, TypeError, ValueError) as error:
                raise Damaged(f"its anchors are damaged: {error!s:.200}") from error
            if len(found) != 2 or not found[0].parts or len({tuple(map(_name_scale, e.parts)) for e in found}) != 1:
                raise Damaged("its anchors are not two evaluations on the same tasks.")
            return found

    def set_anchors(self, anchors: Sequence[Evaluation]) -> None:
        """Records the evaluations that define the scores on several tasks."""
        self._set_about(anchors=[to_row(evaluation) for evaluation in anchors])

    @property
    def descent(self) -> Optional[Descent]:
        """The first gradients of the task's child, which distinguish rules; None if none were recorded."""
        if not self._has("descent"):
            return None
        with self._naming():
            return read_descent(self._about("descent", dict))

    def set_descent(self, recorded: Mapping[str, Any]) -> None:
        """Records the first gradients of the task's child, as `Evaluator.record_descent` returns them."""
        self._set_about(descent=recorded)

    @property
    def end(self) -> dict[str, Any]:
        """The settings with which the search finished; empty if it may have work left."""
        return self._about("end", dict) if self._has("end") else {}

    def set_end(self, asked: Mapping[str, Any]) -> None:
        """Records the settings with which the search finished."""
        self._set_about(end=asked)

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Records the configuration with which the run continues here."""
        self._set_about(config=config, origin=find_origin(self._path.parent))

    def add_versions(self, versions: Mapping[str, str]) -> None:
        """Records the software versions that the run uses from now on, by name."""
        known = self.versions
        if known[-1:] != [versions]:
            self._set_about(versions=[*known, versions])

    def _has(self, key):
        """Whether an optional entry is recorded."""
        with self._naming():
            return bool(list(sqlite_files.read_rows(self._db, "SELECT 1 FROM run WHERE key = ?", [key])))

    def _about(self, key, kind):
        with self._naming():
            found = list(sqlite_files.read_rows(self._db, "SELECT value FROM run WHERE key = ?", [key]))
            try:
                ((text,),) = found
                value = json.loads(text)
            except (TypeError, ValueError, RecursionError) as error:
                raise Damaged(f"its {key} is damaged: {error!s:.100}.") from error
            if not isinstance(value, kind):
                raise Damaged(f"its {key} is not a {_WORDS[kind]}.")
            return value

    def _set_about(self, **values):
        with self._writing() as db:
            rows = [(key, json.dumps(value)) for key, value in values.items()]
            db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", rows)

    # -- Evaluations -----------------------------------------------------------------------------------

    def add_evaluation(self, evaluation: Evaluation, role: str) -> None:
        """Records an evaluation; `role` is "search" or "baseline"."""
        with self._writing() as db:
            _insert(db, evaluation, role)
        if self._counts:
            self._counts.add_evaluation(evaluation, role)

    def evaluations(self, role: Optional[str] = None) -> list[Evaluation]:
        """The evaluations of a role, or all of them, in the order in which they were recorded."""
        with self._naming():
            return list(self.evaluation_rows(role))

    def evaluation_rows(self, role: Optional[str] = None) -> StoredRows[Evaluation]:
        """Like `evaluations`, but each row is read on access."""

        def make(*row):
            return from_row(dict(zip(COLUMNS, row)))

        query = f"SELECT {', '.join(COLUMNS)} FROM evaluations"
        return StoredRows(self._db, query, "? IS NULL OR role = ?", [role, role], make)

    def best_evaluations(self, role: str, count: int) -> list[Evaluation]:
        """The evaluations of a role with the highest rewards, best first; among equal ones, the first recorded."""
        query = f"SELECT {', '.join(COLUMNS)} FROM evaluations WHERE role = ? ORDER BY reward DESC, rowid LIMIT ?"
        with self._naming():
            return [
                from_row(dict(zip(COLUMNS, row))) for row in sqlite_files.read_rows(self._db, query, [role, count])
            ]

    # -- Fresh seeds -----------------------------------------------------------------------------------

    def add_fresh(self, evaluation: Evaluation) -> None:
        """Records the evaluation of a measured rule with seeds that the search never saw, under the same key."""
        row = to_row(evaluation, FRESH_COLUMNS)
        with self._writing() as db:
            db.execute(
                f"INSERT OR REPLACE INTO fresh ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )

    def fresh_evaluations(self) -> dict[str, Evaluation]:
        """The evaluations with fresh seeds, by key."""
        with self._naming():
            rows = sqlite_files.read_rows(self._db, f"SELECT {', '.join(FRESH_COLUMNS)} FROM fresh ORDER BY rowid")
            found = [from_row(dict(zip(FRESH_COLUMNS, row))) for row in rows]
        return {evaluation.key: evaluation for evaluation in found}

    # -- Rounds of tuning ------------------------------------------------------------------------------

    def add_tuning(self, tuning: Tuning, found: Optional[Evaluation]) -> None:
        """Records a round of tuning and its result; a round that was recorded before is replaced.

        Args:
          tuning: The `Tuning`.
          found: Its result, which replaces an earlier one with its key; None for no new result.
        """
        row = dict(zip(Tuning._fields, tuning), trials=json.dumps(tuning.trials))
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO tunings VALUES (?, ?, ?, ?, ?)", list(row.values()))
            if found is not None:
                for table in ("evaluations", "fresh"):
                    db.execute(f"DELETE FROM {table} WHERE key = ?", [found.key])
                _insert(db, found, "tuned")

    def tunings(self) -> list[Tuning]:
        """All rounds of tuning, in the order of their steps."""
        query = "SELECT form, round, step, steps, trials FROM tunings ORDER BY step, form, round"
        with self._naming():
            return [to_tuning(*row) for row in sqlite_files.read_rows(self._db, query)]

    def find_spelling(self, key: str) -> Optional[Rule]:
        """The rule of the first sample that has an evaluation of its own with this key; None if there is none."""
        query = "SELECT rule FROM samples WHERE key = ? AND NOT alike AND NOT tuned ORDER BY position LIMIT 1"
        with self._naming():
            return next((read_rule(text) for (text,) in sqlite_files.read_rows(self._db, query, [key])), None)

    def find_tuned_steps(self) -> set[int]:
        """The numbers of the steps that contain tuned rules, which no algorithm proposed."""
        with self._naming():
            query = "SELECT DISTINCT step FROM samples WHERE tuned"
            return {step for (step,) in sqlite_files.read_rows(self._db, query)}

    # -- Samples ---------------------------------------------------------------------------------------

    def add_samples(
        self, step: int, evaluations: Sequence[Evaluation], staleness: int = 0, tuned: bool = False
    ) -> None:
        """Records the rules proposed in one step, in order, repeats included; or those that a round `tuned`."""
        if self._counts and not tuned:
            self._counts.add_samples(evaluations)
        with self._writing() as db:
            db.executemany(
                "INSERT INTO samples (step, key, rule, reward, staleness, alike, tuned) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(step, e.key, write_rule(e.rule), e.reward, staleness, e.alike, tuned) for e in evaluations],
            )

    def drop_samples(self, step: int) -> None:
        """Deletes the samples of this and later steps; their evaluations stay."""
        self._counts = None
        if step < self.steps:
            self._set_about(proposed=self.proposed)
        with self._writing() as db:
            db.execute("DELETE FROM samples WHERE step >= ?", [step])

    def samples(self) -> list[Sample]:
        """Every `Sample`, in order."""
        with self._naming():
            return list(self.sample_rows())

    def sample_rows(self, only_proposed: bool = False) -> StoredRows[Sample]:
        """Like `samples`, but each row is read on access; `only_proposed` leaves out tuned rules."""
        read = functools.lru_cache(LAST_RULES)(read_rule)  # many samples repeat an earlier one

        def make(step, text, *rest):
            sample = check_sample(Sample(step, read(text), *rest))
            return sample._replace(alike=bool(sample.alike), tuned=bool(sample.tuned))

        query = "SELECT step, rule, reward, key, staleness, alike, tuned FROM samples"
        return StoredRows(self._db, query, "NOT tuned" if only_proposed else "TRUE", [], make)

    def sampled_keys(self) -> list[str]:
        """The keys of the samples' evaluations, in the order of their first samples."""
        query = "SELECT key FROM samples WHERE key != '' GROUP BY key ORDER BY MIN(position)"
        with self._naming():
            return [key for (key,) in sqlite_files.read_rows(self._db, query)]

    def count_alike(self) -> dict[str, int]:
        """The number of differently spelled rules that behave like each evaluated rule, by its key."""
        query = "SELECT key, COUNT(DISTINCT rule) FROM samples WHERE alike GROUP BY key"
        with self._naming():
            return dict(sqlite_files.read_rows(self._db, query))

    def count_steps(self) -> dict[str, int]:
        """Gradient steps spent on each part of the search, by its name; versions before 0.1 did not count them."""
        with self._naming():
            return {name: count_steps(self._db, query) for name, query in STEPS_OF.items()}

    def unfinished_rows(self) -> StoredRows[Sample]:
        """The evaluations of unrecorded steps as samples of one more step, in order."""
        step = self.steps

        def make(text, *rest):
            return check_sample(Sample(step, read_rule(text), *rest))

        where = "role = 'search' AND key NOT IN (SELECT key FROM samples)"
        return StoredRows(self._db, "SELECT rule, reward, key FROM evaluations", where, [], make)

    def check_pages(self) -> None:
        """Has SQLite check the whole file, which takes as long as reading it.

        Raises:
          Damaged: If something is wrong.
        """
        with self._naming():
            ledger_file.check_pages(self._db)

    @property
    def steps(self) -> int:
        """The number of complete steps recorded."""
        with self._naming():
            query = "SELECT step FROM samples ORDER BY position DESC LIMIT 1"
            last = list(sqlite_files.read_rows(self._db, query))
        return last[0][0] + 1 if last else 0

    @property
    def trained(self) -> int:
        """The number of rules that this search trained for its recorded samples."""
        return self._count().trained_for_samples

    def counts(self) -> dict[str, int]:
        """The number of sampled rules, and of those with each outcome, by name."""
        return self._count().as_dict()

    def _count(self):
        if self._counts is None:
            with self._naming():
                self._counts = Counts(self._db)
        return self._counts

    # -- The file --------------------------------------------------------------------------------------

    def require_in_place(self) -> None:
        """Raises `Moved` if the ledger, or the run's directory, is no longer where it was opened."""
        if self._lock is not None:
            try:
                self._lock.require_in_place()
            except Moved:
                # The journal may have been left behind, but it is still open here and can be merged.
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                raise

    def close(self) -> None:
        self._opened.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.require_in_place()
        with self._db:
            yield self._db

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Adds the name of the file to any `Damaged` error."""
        try:
            yield
        except Damaged as error:
            raise Damaged(f"{self._path}: {error}") from error


def _name_scale(part):
    return part.task, part.zero, part.one


def _insert(db, evaluation, role):
    row = {"role": role, "formula": evaluation.rule.formula(), **to_row(evaluation)}
    db.execute(
        f"INSERT INTO evaluations ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )


_WORDS = {dict: "table of names and values", list: "list", str: "text", int: "whole number"}
