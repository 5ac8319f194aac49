"""An open ledger file: reads that name the file when it is damaged, and writes that need it to be in place."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from neural_optimizer_search.file_lock import FileLock, Moved
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.records import sqlite_files


class Connection:
    """What the parts of a ledger share.

    Args:
      path: The file.
      db: The SQLite connection to it.
      lock: The lock of its only writer; None if it is only read.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, lock: Optional[FileLock]):
        self.path, self.db, self._lock = path, db, lock

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple]:
        """The rows of a query; raises `Damaged`, with the name of the file, if SQLite cannot read them."""
        with self.naming():
            return list(sqlite_files.read_rows(self.db, query, values))

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Adds the name of the file to any `Damaged` error."""
        try:
            yield
        except Damaged as error:
            raise Damaged(f"{self.path}: {error}") from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction; raises `Moved` as `require_in_place` does."""
        self.require_in_place()
        with self.db:
            yield self.db

    def require_in_place(self) -> None:
        """Raises `Moved` if the ledger, or the run's directory, is no longer where it was opened."""
        if self._lock is not None:
            try:
                self._lock.require_in_place()
            except Moved:
                # The journal may have been left behind, but it is still open here and can be merged.
                with contextlib.suppress(sqlite3.Error):
                    self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                raise
