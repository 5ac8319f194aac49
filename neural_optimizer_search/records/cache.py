"""The evaluations of earlier searches: an SQLite file that the searches on a machine share.

A reward depends only on the function, the task, the protocol and the code that trains; these are the key of an entry.
No result is stored only in the cache: if it is damaged, locked or read-only, a search says so once and goes on.
"""

import contextlib
import functools
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.code_version import code_version
from neural_optimizer_search.measuring.evaluation import MEASURED, Evaluation, is_reward
from neural_optimizer_search.records.cache_file import BUSY_SECONDS, CacheFile, is_there
from neural_optimizer_search.records.rows import COLUMNS, check_parts, from_row, insert_row, to_row
from neural_optimizer_search.records.sqlite_files import connect, copy, read_rows, read_schema

TABLE = "evaluations_5"  # increment when `COLUMNS` change: a file may hold the tables of several releases


class EvaluationCache:
    """The cache of evaluations, in a file that is created if necessary.

    Args:
      path: The file; several searches may use it at the same time.
      identity: What is searched on, from `Task.identity`.
      find_key: Rule -> its key, which reveals a row with another rule's evaluation.
      notify: Called with a sentence for the user.

    Raises:
      NotACache: If the file exists and is not a cache; it is left as it is.
    """

    def __init__(
        self,
        path: Path,
        identity: str,
        find_key: Callable[[Rule], str],
        notify: Callable[[str], Any],
    ):
        self._path, self._find_key, self._notify = path, find_key, notify
        self._context = f"{identity} {code_version()}"
        columns = ", ".join(f"{name} NOT NULL" if name == "key" else name for name in COLUMNS)
        self._file = CacheFile(path, TABLE, f"context TEXT NOT NULL, {columns}, PRIMARY KEY (context, key)", notify)
        self._db: Optional[sqlite3.Connection] = None
        self._is_writable = True
        self._wrong: set[str] = set()
        self._open(self._file.open, OSError, sqlite3.Error, Damaged)

    def get(self, key: str) -> Optional[Evaluation]:
        """The `Evaluation` of a key, or None."""
        try:
            return self._attempt(self._read, key)
        except ValueError as error:
            if not self._wrong:
                reason = str(error).rstrip(".")
                self._notify(
                    f"the cache {self._path} has rows that no search wrote, for example: {reason}. "
                    "They are ignored, and their rules measured again."
                )
            self._wrong.add(key)
            return None

    def put(self, evaluation: Evaluation) -> None:
        """Stores an `Evaluation` under its key, unless the key already has a valid one."""
        if self._is_writable:
            self._attempt(self._write, evaluation)

    def close(self) -> None:
        """Closes the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    # -- One entry ---------------------------------------------------------------------------------

    def _read(self, db, key):
        row = db.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE context = ? AND key = ?", [self._context, key]
        ).fetchone()
        return row and self._checked(from_row(dict(zip(COLUMNS, row))), key)

    def _checked(self, evaluation, key):
        if evaluation.status not in MEASURED:
            raise Damaged(f"an evaluation has the status {evaluation.status!r:.60}")
        # Rewards on several tasks are means of scores, which may be above 1 and, for single seeds, below 0.
        rewards = evaluation.rewards if not evaluation.parts else [r for p in evaluation.parts for r in p.rewards]
        for value in (evaluation.accuracy, *rewards, *([] if evaluation.parts else [evaluation.reward])):
            if not is_reward(value):
                raise Damaged(f"the reward {value} is not in [0, 1]")
        if self._find_key(evaluation.rule) != key:
            raise Damaged(f"the rule {evaluation.rule.formula():.60} has another key")
        return check_parts(evaluation)

    def _write(self, db, evaluation):
        row = {"context": self._context, **to_row(evaluation)}
        try:
            with db:
                insert_row(db, TABLE, row, "REPLACE" if evaluation.key in self._wrong else "IGNORE")
        except sqlite3.OperationalError as error:
            self._is_writable = False
            self._notify(
                f"the cache {self._path} cannot be written: {_explain(error)}. The search goes on and records its "
                "measurements only in its ledger."
            )

    # -- A cache that cannot be used ---------------------------------------------------------------

    def _attempt(self, work, *arguments):
        """The result of the work; None if the file cannot be used."""
        if self._db is None:
            return None
        try:
            return work(self._db, *arguments)
        except sqlite3.OperationalError as error:
            self._give_up(error)
        except sqlite3.DatabaseError as error:
            self.close()
            self._open(functools.partial(self._file.open_another, error), OSError, sqlite3.Error, ValueError)
        return None

    def _open(self, open_file, *errors):
        try:
            self._db = db = open_file()
            db.text_factory = bytes.decode  # text that is not UTF-8 raises a ValueError, like any other wrong content
        except errors as error:
            self._give_up(error)

    def _give_up(self, error):
        self.close()
        self._notify(f"the cache {self._path} cannot be used: {_explain(error)}. The search goes on without it.")


def _explain(error):
    return f"another process has held it for {BUSY_SECONDS} seconds" if "locked" in str(error) else str(error)


def read_rewards(path: Path, identity: str) -> dict[str, float]:
    """Reads the rewards that a cache has for one task, by key, without changing the file.

    Args:
      path: The file.
      identity: What is searched on, from `Task.identity`.

    Raises:
      FileNotFoundError: If there is no cache.
      NotACache, Damaged, OSError, sqlite3.Error: If it cannot be read.
    """
    if not is_there(path):
        raise FileNotFoundError(f"{path} does not exist.")
    with tempfile.TemporaryDirectory() as directory:
        copied = Path(directory, path.name)
        copy(path, copied)
        with contextlib.closing(connect(copied)) as db:
            if not any(table == TABLE for _, _, table, _ in read_schema(db)):
                return {}
            query = f"SELECT key, reward FROM {TABLE} WHERE context = ?"
            return dict(read_rows(db, query, [f"{identity} {code_version()}"]))
