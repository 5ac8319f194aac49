"""The record of a search: one SQLite file with the run's configuration, every evaluation and every sample.

One process writes; others may read while it does. An evaluation is committed the moment it is there, so that nothing
that a child computed is lost.
"""

import json
import sqlite3
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.evaluation.evaluation import Evaluation

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evaluations (
    key TEXT PRIMARY KEY, role TEXT NOT NULL, rule TEXT NOT NULL, formula TEXT NOT NULL,
    reward REAL NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, learning_rate REAL,
    accuracy REAL NOT NULL, rewards TEXT NOT NULL, sweep TEXT NOT NULL, seconds REAL NOT NULL,
    flipped INTEGER NOT NULL, cached INTEGER NOT NULL
);
CREATE TABLE samples (
    position INTEGER PRIMARY KEY, step INTEGER NOT NULL, key TEXT NOT NULL, rule TEXT NOT NULL,
    reward REAL NOT NULL
);
"""
_JSON_FIELDS = ("rewards", "sweep")
_FIELDS = (
    "key", "reward", "status", "message", "learning_rate", "accuracy", "seconds", "flipped", "cached", *_JSON_FIELDS
)  # fmt: skip
COLUMNS = ("rule", *_FIELDS)  # of an evaluation


class Sample(NamedTuple):
    """What an algorithm proposed: the `Rule` as it was spelled; an empty key says that the screen let it not pass."""

    step: int
    rule: Rule
    reward: float
    key: str


class Ledger:
    """Opens a ledger, or makes one.

    Args:
      path: The file.
      config: A JSON-able dict that describes the run; given to make a new ledger, left out to open one.

    Raises:
      FileExistsError, FileNotFoundError: If a ledger to make is there, or one to open is not.
      ValueError: If the file was written by a later version.
    """

    def __init__(self, path, config=None):
        if config is not None and path.exists():
            raise FileExistsError(f"{path} exists.")
        if config is None and not path.exists():
            raise FileNotFoundError(f"{path} does not exist.")
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA journal_mode=WAL")
        if config is not None:
            with self._db:
                self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
                self._db.execute("INSERT INTO run VALUES ('config', ?)", [json.dumps(config)])
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"{path} has ledger version {version}, and this release reads version {SCHEMA_VERSION}. "
                "Use the release that wrote it."
            )

    @property
    def config(self):
        (value,) = self._db.execute("SELECT value FROM run WHERE key = 'config'").fetchone()
        return json.loads(value)

    # -- Evaluations -----------------------------------------------------------------------------------

    def add_evaluation(self, evaluation, role):
        """Records an evaluation; `role` is "search" or "baseline"."""
        row = {"role": role, "formula": evaluation.rule.formula(), **to_row(evaluation)}
        with self._db:
            self._db.execute(
                f"INSERT INTO evaluations ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )

    def evaluations(self, role=None):
        """The evaluations of a role, or all, in the order in which they were recorded."""
        rows = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM evaluations WHERE ? IS NULL OR role = ? ORDER BY rowid",
            [role, role],
        )
        return [from_row(dict(zip(COLUMNS, row))) for row in rows]

    # -- Samples ---------------------------------------------------------------------------------------

    def add_samples(self, step, evaluations):
        """Records what an algorithm proposed in one step, repeats included, in order."""
        with self._db:
            self._db.executemany(
                "INSERT INTO samples (step, key, rule, reward) VALUES (?, ?, ?, ?)",
                [
                    (step, e.key, json.dumps(e.rule.iterations), e.reward)
                    for e in evaluations
                ],
            )

    def drop_samples(self, step):
        """Forgets the samples of this step and later ones; their evaluations stay."""
        with self._db:
            self._db.execute("DELETE FROM samples WHERE step >= ?", [step])

    @property
    def steps(self):
        """The number of whole steps recorded."""
        (last,) = self._db.execute("SELECT MAX(step) FROM samples").fetchone()
        return 0 if last is None else last + 1

    @property
    def trained(self):
        """The number of rules that were trained, by and for the search, because of the samples recorded."""
        (count,) = self._db.execute(
            "SELECT COUNT(*) FROM evaluations WHERE role = 'search' AND NOT cached "
            "AND key IN (SELECT key FROM samples)"
        ).fetchone()
        return count

    def counts(self):
        """How many rules were sampled and what became of them, by name."""
        (sampled, screened), (cached, trained, diverged) = (
            self._db.execute(query).fetchone()
            for query in (
                "SELECT COUNT(*), TOTAL(key = '') FROM samples",
                "SELECT TOTAL(cached), TOTAL(NOT cached), TOTAL(status = 'diverged' AND NOT cached) "
                "FROM evaluations WHERE role = 'search'",
            )
        )
        counts = dict(sampled=sampled, screened=screened, cached=cached, trained=trained, diverged=diverged)
        counts["repeated"] = sampled - screened - cached - trained
        return {name: int(count) for name, count in counts.items()}

    def samples(self):
        """Every `Sample`, in order."""
        rows = self._db.execute("SELECT step, rule, reward, key FROM samples ORDER BY position")
        return [Sample(step, _rule(rule), reward, key) for step, rule, reward, key in rows]

    def close(self):
        self._db.close()


def _rule(text):
    return Rule(tuple(tuple(iteration) for iteration in json.loads(text)))


def to_row(evaluation):
    """An `Evaluation` as values that SQLite holds, by column."""
    row = {field: getattr(evaluation, field) for field in _FIELDS}
    row.update({field: json.dumps(row[field]) for field in _JSON_FIELDS})
    return {"rule": json.dumps(evaluation.rule.iterations), **row}


def from_row(row):
    """Undoes `to_row`."""
    row = dict(row)
    row["rewards"] = tuple(json.loads(row["rewards"]))
    row["sweep"] = tuple(tuple(point) for point in json.loads(row["sweep"]))
    row.update(rule=_rule(row["rule"]), flipped=bool(row["flipped"]), cached=bool(row["cached"]))
    return Evaluation(**row)
