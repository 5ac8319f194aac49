"""The record of a search: one SQLite file with the run's configuration, every evaluation and every sample.

One process writes; others may read while it does. An evaluation is committed the moment it is there, so that nothing
that a child computed is lost.
"""

import json
import sqlite3

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.evaluation.evaluation import Evaluation

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evaluations (
    canonical TEXT PRIMARY KEY, role TEXT NOT NULL, rule TEXT NOT NULL, formula TEXT NOT NULL,
    reward REAL NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, learning_rate REAL,
    accuracy REAL NOT NULL, rewards TEXT NOT NULL, sweep TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE TABLE samples (
    position INTEGER PRIMARY KEY, step INTEGER NOT NULL, canonical TEXT NOT NULL, rule TEXT NOT NULL,
    reward REAL NOT NULL
);
"""
_JSON_FIELDS = ("rewards", "sweep")
_FIELDS = ("reward", "status", "message", "learning_rate", "accuracy", "seconds", *_JSON_FIELDS)


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
        values = {field: getattr(evaluation, field) for field in _FIELDS}
        values.update({field: json.dumps(values[field]) for field in _JSON_FIELDS})
        row = dict(
            canonical=evaluation.rule.canonical(),
            role=role,
            rule=json.dumps(evaluation.rule.iterations),
            formula=evaluation.rule.formula(),
            **values,
        )
        with self._db:
            self._db.execute(
                f"INSERT INTO evaluations ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )

    def evaluations(self, role=None):
        """The evaluations of a role, or all, in the order in which they were recorded."""
        rows = self._db.execute(
            f"SELECT rule, {', '.join(_FIELDS)} FROM evaluations WHERE ? IS NULL OR role = ? ORDER BY rowid",
            [role, role],
        )
        return [_evaluation(rule, dict(zip(_FIELDS, values))) for rule, *values in rows]

    # -- Samples ---------------------------------------------------------------------------------------

    def add_samples(self, step, evaluations):
        """Records what an algorithm proposed in one step, repeats included, in order."""
        with self._db:
            self._db.executemany(
                "INSERT INTO samples (step, canonical, rule, reward) VALUES (?, ?, ?, ?)",
                [
                    (step, e.rule.canonical(), json.dumps(e.rule.iterations), e.reward)
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

    def samples(self):
        """(step, `Rule` as it was spelled, reward) of every sample, in order."""
        rows = self._db.execute("SELECT step, rule, reward FROM samples ORDER BY position")
        return [(step, _rule(rule), reward) for step, rule, reward in rows]

    def close(self):
        self._db.close()


def _rule(text):
    return Rule(tuple(tuple(iteration) for iteration in json.loads(text)))


def _evaluation(rule, values):
    values["rewards"] = tuple(json.loads(values["rewards"]))
    values["sweep"] = tuple(tuple(point) for point in json.loads(values["sweep"]))
    return Evaluation(rule=_rule(rule), **values)
