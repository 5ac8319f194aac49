"""The record of a search: one SQLite file with the run's configuration, every evaluation and every sample.

One process writes; others may read while it does. An evaluation is committed as soon as it is finished, so that
nothing that a child computed is lost. A ledger holds JSON and numbers but no code, so a stranger's is safe to read.
"""

import contextlib
import functools
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.file_lock import FileLock
from neural_optimizer_search.files import require_own
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.origin import find_origin
from neural_optimizer_search.records import ledger_file, sqlite_files
from neural_optimizer_search.records.connection import Connection
from neural_optimizer_search.records.counts import STEPS_OF, Counts, count_steps
from neural_optimizer_search.records.roles import FOUND, TUNED
from neural_optimizer_search.records.rows import (
    COLUMNS,
    FRESH_COLUMNS,
    Sample,
    Start,
    Tuning,
    check_sample,
    from_row,
    insert_row,
    read_rule,
    to_row,
    to_tuning,
    write_rule,
    write_start,
)
from neural_optimizer_search.records.run_table import RunTable
from neural_optimizer_search.records.stored import StoredRows
from neural_optimizer_search.user_error import UserError

LAST_RULES = 4096  # number of recent rules that are kept, because many samples repeat a rule
# Rules that are no sample yet come last, by their keys: with many workers, chance decides which is measured first.
_BY_FIRST_SAMPLE = "COALESCE((SELECT MIN(position) FROM samples WHERE samples.key = evaluations.key), 9e999), key"
# The kinds of ledgers.
SEARCH, PROMOTION = "search", "promotion"


class NotThisRun(UserError):
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
        self._path, self._counts, lock = path, None, None
        with contextlib.ExitStack() as stack:
            if config is not None:
                name, origin = run_id or uuid.uuid4().hex, find_origin(path.parent)
                about: dict[str, Any] = {"config": config, "kind": kind or SEARCH, "id": name, "origin": origin}
                about.update(versions=[], **({"start": list(map(write_start, start))} if start else {}))
                ledger_file.make_ledger_file(path, about)
            if not read_only:
                require_own(path)
                sqlite_files.require_plain(path)
                lock = stack.enter_context(contextlib.closing(FileLock(path)))
            db = ledger_file.open_to_read(path, stack) if read_only else ledger_file.open_to_write(path)
            self._db = stack.enter_context(contextlib.closing(db))
            self._connection = Connection(path, self._db, lock)
            self.run = RunTable(self._connection)
            with self._connection.naming():
                ledger_file.check_version(self._db)
                ledger_file.check_rows(self._db)
            self._check_run(kind, run_id)
            ledger_file.upgrade(self._db)
            self._opened = stack.pop_all()

    def _check_run(self, kind, run_id):
        if kind not in (None, self.run.kind):
            raise NotThisRun(f"{self._path} is the ledger of a {self.run.kind}, not of a {kind}.")
        if run_id not in (None, self.run.id):
            raise NotThisRun(f"{self._path} is the ledger of another run.")

    # -- Proposals -------------------------------------------------------------------------------------

    @property
    def proposed(self) -> int:
        """The largest number of complete proposals that the ledger ever had; a resumed search drops some of them."""
        return max(self.run.most_proposed, self.steps - len(self.find_tuned_steps()))

    def change_batch_size(self, before: Optional[int], ahead: int) -> None:
        """Records that the batch size changes with the first proposal that has not begun.

        Args:
          before: The earlier size.
          ahead: Number of proposals that may have begun in addition to the one to be learned from next.
        """
        self.run.set_values(batch_sizes=[*self.run.earlier_batch_sizes, (self.proposed + 1 + ahead, before)])

    # -- Evaluations -----------------------------------------------------------------------------------

    def add_evaluation(self, evaluation: Evaluation, role: str) -> None:
        """Records an evaluation; the role is `FOUND` or `BASELINE` of `roles`."""
        with self._connection.writing() as db:
            _insert(db, evaluation, role)
        if self._counts:
            self._counts.add_evaluation(evaluation, role)

    def evaluations(self, role: Optional[str] = None) -> list[Evaluation]:
        """The evaluations of a role, or all of them, in the order in which they were recorded."""
        with self._connection.naming():
            return list(self.evaluation_rows(role))

    def evaluation_rows(self, role: Optional[str] = None) -> StoredRows[Evaluation]:
        """Like `evaluations`, but each row is read on access."""
        return self._read_evaluations("? IS NULL OR role = ?", [role, role])

    def found_rows(self) -> StoredRows[Evaluation]:
        """The evaluations of proposed rules, in the order of their first samples; each row is read on access."""
        return self._read_evaluations("role = ?", [FOUND], _BY_FIRST_SAMPLE)

    def _read_evaluations(self, where, values, order="rowid"):
        def make(*row):
            return from_row(dict(zip(COLUMNS, row)))

        return StoredRows(self._db, f"SELECT {', '.join(COLUMNS)} FROM evaluations", where, values, make, order)

    # -- Fresh seeds -----------------------------------------------------------------------------------

    def add_fresh(self, evaluation: Evaluation) -> None:
        """Records the evaluation of a measured rule with seeds that the search never saw, under the same key."""
        with self._connection.writing() as db:
            insert_row(db, "fresh", to_row(evaluation, FRESH_COLUMNS), "REPLACE")

    def fresh_evaluations(self) -> dict[str, Evaluation]:
        """The evaluations with fresh seeds, by key."""
        rows = self._connection.read(f"SELECT {', '.join(FRESH_COLUMNS)} FROM fresh ORDER BY rowid")
        with self._connection.naming():
            found = [from_row(dict(zip(FRESH_COLUMNS, row))) for row in rows]
        return {evaluation.key: evaluation for evaluation in found}

    # -- Rounds of tuning ------------------------------------------------------------------------------

    def add_tuning(self, tuning: Tuning, found: Optional[Evaluation]) -> None:
        """Records a round of tuning and its result; a round that was recorded before is replaced.

        Args:
          tuning: The `Tuning`.
          found: Its result, which replaces an earlier one with its key; None for no new result.
        """
        row = {**tuning._asdict(), "trials": json.dumps(tuning.trials)}
        with self._connection.writing() as db:
            insert_row(db, "tunings", row, "REPLACE")
            if found is not None:
                for table in ("evaluations", "fresh"):
                    db.execute(f"DELETE FROM {table} WHERE key = ?", [found.key])
                _insert(db, found, TUNED)

    def tunings(self) -> list[Tuning]:
        """All rounds of tuning, in the order of their steps."""
        query = "SELECT form, round, step, steps, trials FROM tunings ORDER BY step, form, round"
        rows = self._connection.read(query)
        with self._connection.naming():
            return [to_tuning(*row) for row in rows]

    def find_spelling(self, key: str) -> Optional[Rule]:
        """The rule of the first sample that has an evaluation of its own with this key; None if there is none."""
        query = "SELECT rule FROM samples WHERE key = ? AND NOT alike AND NOT tuned ORDER BY position LIMIT 1"
        rows = self._connection.read(query, [key])
        with self._connection.naming():
            return next((read_rule(text) for (text,) in rows), None)

    def find_tuned_steps(self) -> set[int]:
        """The numbers of the steps that contain tuned rules, which no algorithm proposed."""
        return {step for (step,) in self._connection.read("SELECT DISTINCT step FROM samples WHERE tuned")}

    # -- Samples ---------------------------------------------------------------------------------------

    def add_samples(
        self, step: int, evaluations: Sequence[Evaluation], staleness: int = 0, tuned: bool = False
    ) -> None:
        """Records the rules proposed in one step, in order, repeats included; or those that a round `tuned`."""
        if self._counts and not tuned:
            self._counts.add_samples(evaluations)
        with self._connection.writing() as db:
            db.executemany(
                "INSERT INTO samples (step, key, rule, reward, staleness, alike, tuned) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(step, e.key, write_rule(e.rule), e.reward, staleness, e.alike, tuned) for e in evaluations],
            )

    def drop_samples(self, step: int) -> None:
        """Deletes the samples of this and later steps; their evaluations stay."""
        self._counts = None
        if step < self.steps:
            self.run.set_values(proposed=self.proposed)
        with self._connection.writing() as db:
            db.execute("DELETE FROM samples WHERE step >= ?", [step])

    def samples(self) -> list[Sample]:
        """Every `Sample`, in order."""
        with self._connection.naming():
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
        return [key for (key,) in self._connection.read(query)]

    def count_alike(self) -> dict[str, int]:
        """The number of differently spelled rules that behave like each evaluated rule, by its key."""
        query = "SELECT key, COUNT(DISTINCT rule) FROM samples WHERE alike GROUP BY key"
        return dict(self._connection.read(query))

    def count_steps(self) -> dict[str, int]:
        """Gradient steps spent on each part of the search, by its name; versions before 0.1 did not count them."""
        with self._connection.naming():
            return {name: count_steps(self._db, query) for name, query in STEPS_OF.items()}

    def unfinished_rows(self) -> StoredRows[Sample]:
        """The evaluations of unrecorded steps as samples of one more step, in order."""
        step = self.steps

        def make(text, *rest):
            return check_sample(Sample(step, read_rule(text), *rest))

        where = f"role = {FOUND!r} AND key NOT IN (SELECT key FROM samples)"
        return StoredRows(self._db, "SELECT rule, reward, key FROM evaluations", where, [], make)

    def check_pages(self) -> None:
        """Has SQLite check the whole file, which takes as long as reading it.

        Raises:
          Damaged: If something is wrong.
        """
        with self._connection.naming():
            ledger_file.check_pages(self._db)

    @property
    def steps(self) -> int:
        """The number of complete steps recorded."""
        last = self._connection.read("SELECT step FROM samples ORDER BY position DESC LIMIT 1")
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
            with self._connection.naming():
                self._counts = Counts(self._db)
        return self._counts

    # -- The file --------------------------------------------------------------------------------------

    def require_in_place(self) -> None:
        """Raises `Moved` if the ledger, or the run's directory, is no longer where it was opened."""
        self._connection.require_in_place()

    def close(self) -> None:
        self._opened.close()


def _insert(db, evaluation, role):
    insert_row(db, "evaluations", {"role": role, "formula": evaluation.rule.formula(), **to_row(evaluation)})
