"""The file of a cache: created, opened, or set aside if it is damaged, and left alone if it is not a cache.

A file at the path of the cache is ours, so that it may be written to and moved aside, if

- it is an SQLite file with our `application_id`, which is set before a new cache is moved to its path; or
- it is an SQLite file without an `application_id` that defines only tables of evaluations, like the caches of earlier
  releases; or
- it is empty; or
- its definitions cannot be read, and it has the name of the default cache.

Anything else raises `NotACache`, such as a text, a database of another program, a search's ledger or a pipe. It is
neither moved nor written to.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neural_optimizer_search.file_lock import hold_directory
from neural_optimizer_search.files import Damaged, require_own, write_whole
from neural_optimizer_search.records.sqlite_files import (
    JOURNALS,
    connect,
    connect_to_look,
    list_journals,
    make_schema,
    read_schema,
)
from neural_optimizer_search.user_error import UserError

NAME = "cache.sqlite"
BUSY_SECONDS = 60  # time to wait for another process
APPLICATION_ID = 0x4E4F5343  # "NOSC"
_MAGIC, _HEADER, _ID_PLACE = b"SQLite format 3\0", 100, slice(68, 72)
_TABLES = re.compile(r"evaluations_\d+")


class NotACache(UserError):
    """The file at the path of the cache is not ours; the message says what it is."""


def is_there(path: Path) -> bool:
    """Whether there is a file at the path of a cache; raises an error if it is not ours.

    Raises:
      NotACache: If the file is not ours.
      Damaged: If it is ours, but evidently not readable by SQLite.
      OSError, sqlite3.OperationalError: If it cannot be examined.
    """
    real = _follow(path)
    parts = [part for part in (real, *list_journals(real)) if os.path.lexists(part)]
    for part in parts:
        try:
            require_own(part)
        except Damaged as error:
            raise NotACache(str(error)) from None
        except FileNotFoundError:  # SQLite removes the journals when the last process closes the file
            continue
    if parts and real not in parts:
        raise Damaged("the file itself is gone")  # SQLite would apply the remaining journals to a new one
    if parts and not _is_ours(real):
        raise NotACache(f"{path} is not a cache of nos-search, so it is left as it is. Give another file.")
    return bool(parts)


def refuse_other_files(path: Path) -> None:
    """Raises `NotACache` if the file at the path of a cache is not ours; `CacheFile` handles all other errors."""
    with contextlib.suppress(Damaged, OSError, sqlite3.Error):
        is_there(path)


def _is_ours(path):
    with open(path, "rb") as file:
        head = file.read(_HEADER)
    if not head.startswith(_MAGIC) or len(head) < _HEADER:
        if head and path.name != NAME:
            return False
        raise Damaged("it is not an SQLite file" if head else "it is empty")
    application_id = int.from_bytes(head[_ID_PLACE], "big")
    if application_id:
        return application_id == APPLICATION_ID
    try:
        with contextlib.closing(connect_to_look(path)) as db:
            names = {table for _, _, table, _ in read_schema(db)}
    except Damaged:
        return path.name == NAME
    return bool(names) and all(map(_TABLES.fullmatch, names))


def _follow(path):
    return Path(os.path.realpath(path)) if path.is_symlink() else path


class CacheFile:
    """A file with one table, which several processes may open, create and find damaged at the same time.

    Args:
      path: The file.
      table: Name of the table.
      columns: The text inside the brackets of its CREATE TABLE.
      notify: Called with a sentence for the user.
    """

    def __init__(self, path: Path, table: str, columns: str, notify: Callable[[str], Any]):
        self._path, self._real = path, _follow(path)
        self._table, self._definition = table, f"CREATE TABLE {table} ({columns})"
        self._notify = notify
        self._opened = None

    def open(self) -> sqlite3.Connection:
        """Opens the file; creates it if it is missing, and sets a damaged one aside first.

        Raises:
          NotACache: If the file is not ours.
          OSError, sqlite3.OperationalError: If it cannot be used.
        """
        return self._open(lambda: None)

    def open_another(self, reason: Exception) -> sqlite3.Connection:
        """Like `open`, after the opened file proved to be damaged."""
        return self._open(lambda: self._condemn(reason))

    def _open(self, condemn):
        self._real.parent.mkdir(parents=True, exist_ok=True)
        with hold_directory(self._real.parent, BUSY_SECONDS):
            try:
                condemn()
                if not is_there(self._path):
                    self._make()
                db = self._connect()
            except Damaged as error:
                self._set_aside(error)
                self._make()
                db = self._connect()
            self._opened = os.stat(self._real)
            return db

    def _condemn(self, reason):
        # Another process may have set the file aside since.
        if self._opened and self._real.exists() and os.path.samestat(self._opened, os.stat(self._real)):
            raise Damaged(str(reason))

    # -- Opening -----------------------------------------------------------------------------------

    def _make(self):
        def write(new):
            with contextlib.closing(sqlite3.connect(new)) as db:
                db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                db.execute(self._definition)
                db.commit()
                db.execute("PRAGMA journal_mode=WAL")  # here, because no other process has the file yet

        write_whole(self._real, write)

    def _connect(self):
        with contextlib.ExitStack() as stack:
            db = stack.enter_context(contextlib.closing(connect(self._real)))
            db.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            try:
                schema = read_schema(db)
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise
                # SQLite needs a journal next to the file, and may not be allowed to create one there.
                stack.close()
                db = stack.enter_context(contextlib.closing(connect_to_look(self._real)))
                schema = read_schema(db)
            self._check(schema)
            if not any(table == self._table for _, _, table, _ in schema):
                with db:
                    db.execute(self._definition)
            stack.pop_all()
            return db

    def _check(self, schema):
        if not all(kind in ("table", "index") and _TABLES.fullmatch(table) for kind, _, table, _ in schema):
            raise Damaged("it has definitions that no cache has")
        ours = [row for row in schema if row[2] == self._table]
        if ours and ours != make_schema(self._definition):
            raise Damaged(f"its table {self._table} has other columns")

    # -- Setting aside -----------------------------------------------------------------------------

    def _set_aside(self, error):
        suffixes = ("", *JOURNALS)
        places = zip((self._real, *list_journals(self._real)), suffixes)
        parts = {part: suffix for part, suffix in places if os.path.lexists(part)}
        number = 1
        while any(os.path.lexists(self._aside(number, suffix)) for suffix in suffixes):
            number += 1
        # The file itself is moved last: otherwise SQLite would apply the old journals to a new file.
        for part, suffix in reversed(parts.items()):
            os.rename(part, self._aside(number, suffix))
        reason = str(error).removeprefix("it is damaged: ").rstrip(".")
        self._notify(
            f"the cache {self._path} is damaged ({reason}). It is now {self._aside(number, '')}, and a new one "
            "begins."
        )

    def _aside(self, number, suffix):
        return self._real.with_name(f"{self._real.name}.damaged-{number}{suffix}")
