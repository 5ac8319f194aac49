"""Safe access to SQLite files of unknown origin: nothing in them runs, nothing hangs, and reading leaves no trace."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neural_optimizer_search.files import Damaged, require_own, require_regular

# Suffixes of the files that SQLite writes next to a database.
JOURNALS = ("-wal", "-shm", "-journal")


def connect(path: Path) -> sqlite3.Connection:
    """Opens an existing file, to read and write.

    Raises:
      FileNotFoundError, sqlite3.Error: If it cannot be opened.
      Damaged: If it, or a file next to it, is a pipe or the like, on which SQLite would wait forever.
    """
    require_plain(path)
    return _connect(path, "mode=rw")


def connect_to_look(path: Path) -> sqlite3.Connection:
    """Opens an existing file for reading; leaves nothing next to it unless another process is writing it.

    Args:
      path: The file; its directory may be read-only.

    Raises:
      FileNotFoundError, sqlite3.Error, Damaged: See `connect`.
    """
    require_plain(path)
    # SQLite keeps the index -shm only together with -wal.
    is_written = any(journal.exists() for journal in list_journals(path) if not journal.name.endswith("-shm"))
    # Without a journal, no process is writing, so SQLite need not create files in the directory.
    return _connect(path, "mode=ro" if is_written else "immutable=1")


def list_journals(path: Path) -> list[Path]:
    """The paths of the files that SQLite may write next to a database."""
    real = Path(os.path.realpath(path))  # SQLite looks for them next to the target of a link
    return [real.with_name(real.name + suffix) for suffix in JOURNALS]


def require_plain(path: Path) -> None:
    """Checks that a file is regular and not empty, and that its journals belong to it alone.

    Raises:
      FileNotFoundError: If the file does not exist.
      Damaged: If a check fails.
    """
    require_regular(path)
    for journal in list_journals(path):
        with contextlib.suppress(FileNotFoundError):
            require_own(journal)
    if not path.stat().st_size:
        raise Damaged(f"{path} is empty.")


def copy(path: Path, target: Path) -> None:
    """Copies a file as it is now, including changes in its journal; leaves nothing next to it.

    Args:
      path: The file; another process may be writing it, and its directory may be read-only.
      target: The path of the copy, in another directory.

    Raises:
      FileNotFoundError, OSError, sqlite3.Error: If it cannot be read, or there is no space for the copy.
      Damaged: If it is not an SQLite file, or damaged.
    """
    try:
        with contextlib.closing(connect_to_look(path)) as source, contextlib.closing(sqlite3.connect(target)) as made:
            source.backup(made)
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            where = f"{target.parent}, where TMPDIR leads"
            raise OSError(f"there is no space for a copy of {path} in {where}") from error
        if not any(words in str(error) for words in ("unable to open", "readonly database", "disk I/O error")):
            raise
        # The writer is gone, and SQLite has no permission or no space to index its journal or roll it back.
        shutil.copyfile(path, target)
        for journal, suffix in zip(list_journals(path), JOURNALS):
            if journal.exists():
                shutil.copyfile(journal, target.with_name(target.name + suffix))
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
        while row := cursor.fetchone():  # `yield from` would use the cursor when the file may already be closed
            yield row
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):  # SQLite's word for text that is not UTF-8
            raise
        raise Damaged(f"it has text that is not UTF-8: {error!s:.100}.") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(f"it is damaged: {error}.") from error


def read_schema(db: sqlite3.Connection) -> list[tuple]:
    """The schema of a file: its tables, indices, views and triggers."""
    return sorted(read_rows(db, "SELECT type, name, tbl_name, COALESCE(sql, '') FROM sqlite_master"))


def make_schema(statements: str) -> list[tuple]:
    """The result of `read_schema` for a file that was created with these statements."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(statements)
        return read_schema(db)


def _connect(path, mode):
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
