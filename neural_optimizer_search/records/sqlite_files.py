"""SQLite files of unknown origin: nothing in them runs, nothing hangs, and reading leaves no trace."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neural_optimizer_search.files import Damaged, require_own, require_regular

# What SQLite writes beside a file.
JOURNALS = ("-wal", "-shm", "-journal")


def connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """Opens an existing file.

    Args:
      path: The file.
      mode: SQLite's: "rw", or "ro" to read.

    Raises:
      FileNotFoundError, sqlite3.Error: If it cannot be opened.
      Damaged: If it, or what lies beside it, is a pipe or the like, for which SQLite would wait forever.
    """
    require_plain(path)
    return _connect(path, f"mode={mode}")


def require_plain(path: Path) -> None:
    """Checks that a file is regular and not empty, and that what SQLite would use beside it belongs to it alone.

    Raises:
      FileNotFoundError: If the file is not there.
      Damaged: If that is not so.
    """
    require_regular(path)
    real = Path(os.path.realpath(path))  # SQLite looks beside what a link leads to
    for journal in JOURNALS:
        with contextlib.suppress(FileNotFoundError):
            require_own(real.with_name(real.name + journal))
    if not real.stat().st_size:
        raise Damaged(f"{path} is empty.")


def copy(path: Path, target: Path) -> None:
    """Copies a file as it is now, with what its writer has not yet merged into it; leaves nothing beside it.

    Args:
      path: The file; it may be being written, and its directory may be read-only.
      target: Where the copy is made; another directory.

    Raises:
      FileNotFoundError, OSError, sqlite3.Error: If it cannot be read, or there is no space for the copy.
      Damaged: If it is not an SQLite file, or damaged.
    """
    require_plain(path)
    real = Path(os.path.realpath(path))
    journals = [real.with_name(real.name + journal) for journal in JOURNALS]
    # Without a journal beside it, no process writes, and then SQLite need not leave files there, or be able to.
    is_written = any(journal.exists() for journal in journals if not journal.name.endswith("-shm"))
    mode = "mode=ro" if is_written else "immutable=1"
    try:
        with contextlib.closing(_connect(path, mode)) as source, contextlib.closing(sqlite3.connect(target)) as made:
            source.backup(made)
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            where = f"{target.parent}, where TMPDIR leads"
            raise OSError(f"there is no space for a copy of {path} in {where}") from error
        if not any(words in str(error) for words in ("unable to open", "readonly database", "disk I/O error")):
            raise
        # SQLite may not, or has no space to, make the index of a journal or undo one: its writer is gone.
        for file in (real, *filter(Path.exists, journals)):
            shutil.copyfile(file, target.with_name(file.name.replace(real.name, target.name, 1)))
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{path} is damaged: {error}.") from error


def read_rows(db: sqlite3.Connection, query: str, values: Sequence[Any] = ()) -> Iterator[tuple]:
    """Yields the rows that a query finds.

    Raises:
      Damaged: If the file is damaged there.
      sqlite3.OperationalError: If it cannot be read for another reason.
    """
    try:
        cursor = db.execute(query, values)
        while row := cursor.fetchone():  # `yield from` would use the cursor when the file may be closed
            yield row
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):  # SQLite's word for text that is not UTF-8
            raise
        raise Damaged(f"it has text that is not UTF-8: {error!s:.100}.") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(f"it is damaged: {error}.") from error


def read_schema(db: sqlite3.Connection) -> list[tuple]:
    """Everything that a file defines: tables, indices, views and triggers."""
    return sorted(read_rows(db, "SELECT type, name, tbl_name, COALESCE(sql, '') FROM sqlite_master"))


def make_schema(statements: str) -> list[tuple]:
    """What `read_schema` reads of a file that was made with these statements."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(statements)
        return read_schema(db)


def _connect(path, mode):
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
