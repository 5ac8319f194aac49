"""What earlier searches have measured: an SQLite file that the searches of a machine share.

A reward depends on the function, the task, the protocol and the code that trains, and on nothing else; these are the
key of an entry.
"""

import sqlite3
from pathlib import Path
from typing import Optional

from neural_optimizer_search.measuring.code_version import code_version
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import SCHEMA_VERSION
from neural_optimizer_search.records.rows import COLUMNS, from_row, to_row

BUSY_SECONDS = 60  # to wait for another search that writes


class EvaluationCache:
    """Opens or makes the cache file.

    Args:
      path: The file; several searches may use it at a time.
      identity: What is searched on, from `Task.identity`.
    """

    def __init__(self, path: Path, identity: str):
        self._context = f"{identity} {code_version()}"
        self._table = f"evaluations_{SCHEMA_VERSION}"  # a file may hold those of other releases
        self._db = sqlite3.connect(path, timeout=BUSY_SECONDS)
        self._db.execute("PRAGMA journal_mode=WAL")
        columns = ", ".join(f"{name} NOT NULL" if name == "key" else name for name in COLUMNS)
        with self._db:
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {self._table} "
                f"(context TEXT NOT NULL, {columns}, PRIMARY KEY (context, key))"
            )

    def get(self, key: str) -> Optional[Evaluation]:
        """The `Evaluation` of a key, or None."""
        row = self._db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {self._table} WHERE context = ? AND key = ?",
            [self._context, key],
        ).fetchone()
        return row and from_row(dict(zip(COLUMNS, row)))

    def put(self, evaluation: Evaluation) -> None:
        """Keeps an `Evaluation` under its key; the first one stays."""
        row = to_row(evaluation)
        with self._db:
            self._db.execute(
                f"INSERT OR IGNORE INTO {self._table} (context, {', '.join(row)}) VALUES (?{', ?' * len(row)})",
                [self._context, *row.values()],
            )

    def close(self) -> None:
        self._db.close()
