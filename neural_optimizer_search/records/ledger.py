"""The record of a search: one SQLite file with the run's configuration, every evaluation and every sample.

One process writes; others may read while it does. An evaluation is committed the moment it is there, so that nothing
that a child computed is lost. A ledger holds JSON and numbers and no code: one from a stranger is safe to read.
"""

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import write_whole
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation

SCHEMA_VERSION = 3
SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evaluations (
    key TEXT PRIMARY KEY, role TEXT NOT NULL, rule TEXT NOT NULL, formula TEXT NOT NULL,
    reward REAL NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, learning_rate REAL,
    accuracy REAL NOT NULL, rewards TEXT NOT NULL, sweep TEXT NOT NULL, seconds REAL NOT NULL,
    seeds TEXT NOT NULL, worker TEXT NOT NULL, flipped INTEGER NOT NULL, cached INTEGER NOT NULL
);
CREATE TABLE samples (
    position INTEGER PRIMARY KEY, step INTEGER NOT NULL, key TEXT NOT NULL, rule TEXT NOT NULL,
    reward REAL NOT NULL, staleness INTEGER NOT NULL
);
"""
_JSON_FIELDS = ("rewards", "sweep", "seeds")
_FIELDS = (
    "key", "reward", "status", "message", "learning_rate", "accuracy", "seconds", "worker", "flipped", "cached",
    *_JSON_FIELDS
)  # fmt: skip
COLUMNS = ("rule", *_FIELDS)  # of an evaluation


class Sample(NamedTuple):
    """What an algorithm proposed.

    Attributes:
      step: The batch, in the order in which the algorithm learned from them.
      rule: The `Rule` as it was spelled.
      reward: Of it.
      key: Of its evaluation; empty if the screen let it not pass.
      staleness: How many batches the algorithm had learned from between proposing this one and learning from it.
    """

    step: int
    rule: Rule
    reward: float
    key: str
    staleness: int = 0

    @property
    def screened(self) -> bool:
        """Whether the screen saw that no child needs to be trained."""
        return not self.key


class InUse(RuntimeError):
    """Another process writes the ledger."""


class Ledger:
    """Opens a ledger, or makes one.

    Args:
      path: The file.
      config: A JSON-able dict that describes the run; given to make a new ledger, left out to open one.
      read_only: Open it to read; another process may be writing.

    Raises:
      FileExistsError, FileNotFoundError: If a ledger to make is there, or one to open is not.
      InUse: If another process has it open and may write.
      ValueError: If the file was written by another version.
    """

    def __init__(self, path: Path, config: Optional[Mapping[str, Any]] = None, read_only: bool = False):
        if config is not None and path.exists():
            raise FileExistsError(f"{path} exists.")
        if config is None and not path.exists():
            raise FileNotFoundError(f"{path} does not exist.")
        with contextlib.ExitStack() as stack:
            if not read_only:
                stack.enter_context(contextlib.closing(_lock(path)))
            if config is not None:
                _make(path, config)
            uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
            self._db = stack.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True)))
            if not read_only:
                self._db.execute("PRAGMA journal_mode=WAL")
            self._check_version(path)
            self._opened = stack.pop_all()

    def _check_version(self, path):
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            other = "a later" if version > SCHEMA_VERSION else "an earlier"
            raise ValueError(
                f"{path} has ledger version {version}, of {other} release than this one, which reads version "
                f"{SCHEMA_VERSION}. Use the release that wrote it."
            )

    @property
    def config(self) -> dict[str, Any]:
        """What defines the run."""
        (value,) = self._db.execute("SELECT value FROM run WHERE key = 'config'").fetchone()
        return json.loads(value)

    @property
    def versions(self) -> list[dict[str, str]]:
        """What the run was computed with, a dict for each time that it changed."""
        found = self._db.execute("SELECT value FROM run WHERE key = 'versions'").fetchone()
        return json.loads(found[0]) if found else []

    def add_versions(self, versions: Mapping[str, str]) -> None:
        """Records with what the run is computed from now on, by name."""
        known = self.versions
        if known[-1:] != [versions]:
            with self._db:
                text = json.dumps([*known, versions])
                self._db.execute("INSERT OR REPLACE INTO run VALUES ('versions', ?)", [text])

    # -- Evaluations -----------------------------------------------------------------------------------

    def add_evaluation(self, evaluation: Evaluation, role: str) -> None:
        """Records an evaluation; `role` is "search" or "baseline"."""
        row = {"role": role, "formula": evaluation.rule.formula(), **to_row(evaluation)}
        with self._db:
            self._db.execute(
                f"INSERT INTO evaluations ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )

    def evaluations(self, role: Optional[str] = None) -> list[Evaluation]:
        """The evaluations of a role, or all, in the order in which they were recorded."""
        rows = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM evaluations WHERE ? IS NULL OR role = ? ORDER BY rowid",
            [role, role],
        )
        return [from_row(dict(zip(COLUMNS, row))) for row in rows]

    # -- Samples ---------------------------------------------------------------------------------------

    def add_samples(self, step: int, evaluations: Sequence[Evaluation], staleness: int = 0) -> None:
        """Records what an algorithm proposed in one step, repeats included, in order."""
        with self._db:
            self._db.executemany(
                "INSERT INTO samples (step, key, rule, reward, staleness) VALUES (?, ?, ?, ?, ?)",
                [(step, e.key, json.dumps(e.rule.iterations), e.reward, staleness) for e in evaluations],
            )

    def drop_samples(self, step: int) -> None:
        """Forgets the samples of this step and later ones; their evaluations stay."""
        with self._db:
            self._db.execute("DELETE FROM samples WHERE step >= ?", [step])

    @property
    def steps(self) -> int:
        """The number of whole steps recorded."""
        (last,) = self._db.execute("SELECT MAX(step) FROM samples").fetchone()
        return 0 if last is None else last + 1

    @property
    def trained(self) -> int:
        """The number of rules that were trained, by and for the search, because of the samples recorded."""
        (count,) = self._db.execute(
            "SELECT COUNT(*) FROM evaluations WHERE role = 'search' AND NOT cached "
            "AND key IN (SELECT key FROM samples)"
        ).fetchone()
        return count

    def counts(self) -> dict[str, int]:
        """How many rules were sampled and what became of them, by name."""
        failed = f"status IN ({', '.join(map(repr, FAILURES))})"
        (sampled, screened), (cached, trained, diverged, failed) = (
            self._db.execute(query).fetchone()
            for query in (
                "SELECT COUNT(*), TOTAL(key = '') FROM samples",
                "SELECT TOTAL(cached), TOTAL(NOT cached), TOTAL(status = 'diverged' AND NOT cached), "
                f"TOTAL({failed}) FROM evaluations WHERE role = 'search'",
            )
        )
        counts = dict(sampled=sampled, screened=screened, cached=cached, trained=trained)
        counts.update(diverged=diverged, failed=failed)
        counts["repeated"] = sampled - screened - cached - trained
        return {name: int(count) for name, count in counts.items()}

    def samples(self) -> list[Sample]:
        """Every `Sample`, in order."""
        rows = self._db.execute("SELECT step, rule, reward, key, staleness FROM samples ORDER BY position")
        return [Sample(step, _rule(rule), *rest) for step, rule, *rest in rows]

    def close(self) -> None:
        self._opened.close()


def _make(path, config):
    """Makes the file, whole or not at all."""

    def write(new):
        new.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(new)) as db, db:
            db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
            db.execute("INSERT INTO run VALUES ('config', ?)", [json.dumps(config)])

    write_whole(path, write)


def _lock(path):
    """A connection that holds a lock for as long as it is open; a killed process's lock is gone with it."""
    lock = sqlite3.connect(path.with_suffix(".lock"), timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise InUse(f"{path} is being written by another process.") from None
    return lock


def _rule(text):
    try:
        return Rule(_as_tuples(json.loads(text)))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"The ledger has what is no rule: {text:.100}") from error


def _as_tuples(rows) -> Any:
    """Tuples of lists; `Rule` checks what is in them."""
    return tuple(tuple(row) for row in rows)


def to_row(evaluation: Evaluation) -> dict[str, Any]:
    """An `Evaluation` as values that SQLite holds, by column."""
    row = {field: getattr(evaluation, field) for field in _FIELDS}
    row.update({field: json.dumps(row[field]) for field in _JSON_FIELDS})
    return {"rule": json.dumps(evaluation.rule.iterations), **row}


def from_row(row: Mapping[str, Any]) -> Evaluation:
    """Undoes `to_row`."""
    row = dict(row)
    try:
        row.update({field: tuple(json.loads(row[field])) for field in _JSON_FIELDS})
        row["sweep"] = tuple((rate, loss) for rate, loss in row["sweep"])
    except (TypeError, RecursionError) as error:
        raise ValueError(f"The ledger has what is no evaluation, of the rule {row['rule']:.100}") from error
    row.update(rule=_rule(row["rule"]), flipped=bool(row["flipped"]), cached=bool(row["cached"]))
    return Evaluation(**row)
