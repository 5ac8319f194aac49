"""What earlier searches have measured: an SQLite file that the searches of a machine share.

A reward depends on the function, the task, the protocol and the code that trains, and on nothing else; these are the
key of an entry.
"""

import hashlib
import pathlib
import sqlite3

import tensorflow as tf

import neural_optimizer_search
from neural_optimizer_search.records.ledger import COLUMNS, SCHEMA_VERSION, from_row, to_row

# What a reward is computed by. The screen's file makes the keys.
MEASURING = (
    "decays.py",
    "flat_weights.py",
    "dsl/interpreter.py",
    "dsl/vocabulary.py",
    "measuring/*.py",
    "tasks/*.py",
)
BUSY_SECONDS = 60  # to wait for another search that writes


class EvaluationCache:
    """Opens or makes the cache file.

    Args:
      path: The file; several searches may use it at a time.
      task, protocol: What is searched on.
    """

    def __init__(self, path, task, protocol):
        self._context = f"{task.name} {protocol!r} {code_version()}"
        self._table = f"evaluations_{SCHEMA_VERSION}"  # a file may hold those of other releases
        self._db = sqlite3.connect(path, timeout=BUSY_SECONDS)
        self._db.execute("PRAGMA journal_mode=WAL")
        columns = ", ".join(f"{name} NOT NULL" if name == "key" else name for name in COLUMNS)
        with self._db:
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {self._table} "
                f"(context TEXT NOT NULL, {columns}, PRIMARY KEY (context, key))"
            )

    def get(self, key):
        """The `Evaluation` of a key, or None."""
        row = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {self._table} WHERE context = ? AND key = ?",
            [self._context, key],
        ).fetchone()
        return row and from_row(dict(zip(COLUMNS, row)))

    def put(self, evaluation):
        """Keeps an `Evaluation` under its key; the first one stays."""
        row = to_row(evaluation)
        with self._db:
            self._db.execute(
                f"INSERT OR IGNORE INTO {self._table} (context, {', '.join(row)}) VALUES (?{', ?' * len(row)})",
                [self._context, *row.values()],
            )

    def close(self):
        self._db.close()


def code_version():
    """Changes with TensorFlow and with the text of every file that a reward is computed by."""
    root = pathlib.Path(neural_optimizer_search.__file__).parent
    digest = hashlib.sha1(tf.__version__.encode())
    for path in sorted(path for pattern in MEASURING for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
