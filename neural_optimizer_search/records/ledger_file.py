"""The file of a ledger: its tables, its creation and opening, and the constraints between rows."""

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural_optimizer_search.files import Damaged, write_whole
from neural_optimizer_search.measuring.evaluation import MEASURED
from neural_optimizer_search.records import sqlite_files
from neural_optimizer_search.records.roles import BASELINE, ROLES, TUNED

SCHEMA_VERSION = 8
KEY_OF_ROUND = "form || ' #' || round"  # in SQL: the key of the evaluation that a round of tuning found
APPLICATION_ID = 0x4E4F534C  # "NOSL": tells a ledger from other SQLite files, such as a cache
# The schema of version 4, and the upgrade from each version to the next. A new file is created by running all of
# them, so that an upgraded file has the same schema.
SCHEMA_4 = """
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
CREATE INDEX samples_by_key ON samples (key);
"""
UPGRADES = {
    4: """
ALTER TABLE evaluations ADD COLUMN schedule TEXT NOT NULL DEFAULT 'constant';
ALTER TABLE evaluations ADD COLUMN weight_decay REAL NOT NULL DEFAULT 0.0;
""",
    5: """
ALTER TABLE evaluations ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE evaluations ADD COLUMN sweep_reward REAL NOT NULL DEFAULT 0.0;
ALTER TABLE samples ADD COLUMN alike INTEGER NOT NULL DEFAULT 0;
CREATE TABLE fresh (
    key TEXT PRIMARY KEY, rule TEXT NOT NULL, reward REAL NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL,
    learning_rate REAL NOT NULL, accuracy REAL NOT NULL, rewards TEXT NOT NULL, sweep TEXT NOT NULL,
    seconds REAL NOT NULL, seeds TEXT NOT NULL, worker TEXT NOT NULL, flipped INTEGER NOT NULL,
    cached INTEGER NOT NULL, schedule TEXT NOT NULL, weight_decay REAL NOT NULL, steps INTEGER NOT NULL,
    sweep_reward REAL NOT NULL
);
""",
    6: """
ALTER TABLE evaluations ADD COLUMN form TEXT NOT NULL DEFAULT '';
ALTER TABLE evaluations ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE fresh ADD COLUMN form TEXT NOT NULL DEFAULT '';
ALTER TABLE fresh ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE samples ADD COLUMN tuned INTEGER NOT NULL DEFAULT 0;
CREATE TABLE tunings (
    form TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, steps INTEGER NOT NULL, trials TEXT NOT NULL,
    PRIMARY KEY (form, round)
);
UPDATE run SET value = replace(value, '"step_budget": ', '"steps": ') WHERE key = 'config';
""",
    7: """
ALTER TABLE fresh ADD COLUMN curves TEXT NOT NULL DEFAULT '[]';
""",
}


def _write_schema(version):
    """The SQL that creates an empty ledger of a version."""
    return f"{SCHEMA_4} {_upgrade_from(4, version)}"


def _upgrade_from(version, to=SCHEMA_VERSION):
    """The SQL that upgrades a ledger from one version to a later one."""
    steps = [f"{UPGRADES[before]} PRAGMA user_version={before + 1};" for before in range(version, to)]
    return " ".join(steps)


def make_ledger_file(path: Path, about: Mapping[str, Any]) -> None:
    """Creates the file of an empty ledger atomically; raises a FileExistsError if the file exists.

    Args:
      path: The file.
      about: The description of the run: JSON-able values by name.
    """

    def write(new):
        with contextlib.closing(sqlite3.connect(new)) as db, db:
            schema = _write_schema(SCHEMA_VERSION)
            db.executescript(f"BEGIN; {schema} PRAGMA application_id={APPLICATION_ID}; COMMIT;")
            rows = [(key, json.dumps(value)) for key, value in about.items()]
            db.executemany("INSERT INTO run VALUES (?, ?)", rows)

    write_whole(path, write, replace=False)


def open_to_write(path: Path) -> sqlite3.Connection:
    """Opens the file of a ledger for writing.

    Raises:
      OSError, sqlite3.OperationalError: If it cannot be opened now.
      Damaged: If it is not an SQLite file.
    """
    return _connect(path, "PRAGMA journal_mode = WAL")


def open_to_read(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection:
    """Opens a copy of the file, which closing the stack deletes; raises the same errors as `open_to_write`."""
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory()), path.name)
    sqlite_files.copy(path, copy)
    return _connect(copy, "PRAGMA query_only = 1")


def check_version(db: sqlite3.Connection) -> None:
    """Checks that an open file is a ledger of a supported version (4 or later), and nothing else.

    Raises:
      Damaged: If its version is not supported, or it has other tables, or views or triggers.
    """
    ((version,),) = sqlite_files.read_rows(db, "PRAGMA user_version")
    if version not in _SCHEMAS:
        other = "a later" if version > SCHEMA_VERSION else "an earlier"
        raise Damaged(
            f"it has ledger version {version}, of {other} release than this one, which reads version "
            f"{SCHEMA_VERSION}. Use the release that wrote it."
        )
    if sqlite_files.read_schema(db) != _SCHEMAS[version]:
        raise Damaged("its tables are not those of a ledger.")


def upgrade(db: sqlite3.Connection) -> None:
    """Upgrades a checked ledger to the current version if necessary; a read-only copy stays read-only.

    Raises:
      sqlite3.Error: If it cannot be written.
    """
    ((version,),) = sqlite_files.read_rows(db, "PRAGMA user_version")
    if version != SCHEMA_VERSION:
        ((to_read,),) = sqlite_files.read_rows(db, "PRAGMA query_only")
        db.executescript(f"PRAGMA query_only=0; BEGIN; {_upgrade_from(version)} COMMIT; PRAGMA query_only={to_read};")


def check_pages(db: sqlite3.Connection) -> None:
    """Has SQLite check the whole file, which takes as long as reading it; raises `Damaged`."""
    ((found,), *_) = sqlite_files.read_rows(db, "PRAGMA integrity_check")
    if found != "ok":
        told = [line for line in found.splitlines() if not line.startswith("***")] or [found]
        raise Damaged(f"SQLite finds damage in it: {told[0]:.200}.")


def check_rows(db: sqlite3.Connection) -> None:
    """Checks constraints between rows, such as that no sample is missing and each has an evaluation.

    Raises:
      Damaged: If no search writes such rows.
    """
    ((version,),) = sqlite_files.read_rows(db, "PRAGMA user_version")
    checks = [check for since, some in _ROW_CHECKS.items() if version >= since for check in some.items()]
    for what, query in checks:
        ((count,),) = sqlite_files.read_rows(db, query)
        if count:
            raise Damaged(f"{count} of its {what}.")


def _connect(path, pragma):
    db = sqlite_files.connect(path)
    try:
        db.execute(pragma)
    except sqlite3.DatabaseError as error:
        db.close()
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise Damaged(f"{path} is damaged: {error}.") from error
    return db


# Version -> its schema, for the versions that can be read.
_SCHEMAS = {version: sqlite_files.make_schema(_write_schema(version)) for version in range(4, SCHEMA_VERSION + 1)}
# First version with the checks -> fault -> query that counts the rows with it.
_ROW_CHECKS: Mapping[int, Mapping[str, str]] = {
    4: {
        "evaluations have an unknown role": "SELECT COUNT(*) FROM evaluations WHERE "
        f"role NOT IN ({', '.join(map(repr, ROLES))})",
        "samples have types that no search writes": "SELECT COUNT(*) FROM samples WHERE typeof(step) != 'integer' "
        "OR step < 0 OR typeof(key) != 'text' OR typeof(rule) != 'text' OR typeof(reward) != 'real' "
        "OR typeof(staleness) != 'integer'",
        "samples are out of order": "SELECT COUNT(*) FROM samples JOIN samples AS later "
        "ON later.position = samples.position + 1 WHERE later.step < samples.step",
        "samples are missing": "SELECT COALESCE(MAX(position), 0) - COUNT(*) FROM samples",
        "samples have no evaluation": "SELECT COUNT(*) FROM samples WHERE key != '' "
        "AND key NOT IN (SELECT key FROM evaluations)",
        "samples have a reward that differs from their evaluation's": "SELECT COUNT(*) FROM samples "
        "JOIN evaluations USING (key) WHERE samples.reward != evaluations.reward",
    },
    6: {
        "samples do not say whether they are alike another": "SELECT COUNT(*) FROM samples WHERE alike NOT IN (0, 1)",
    },
    7: {
        "samples do not say whether they are tuned": "SELECT COUNT(*) FROM samples LEFT JOIN evaluations USING (key) "
        f"WHERE tuned NOT IN (0, 1) OR tuned != COALESCE(role = {TUNED!r}, 0)",
        "tuned rules have no form": "SELECT COUNT(*) FROM evaluations AS tuned "
        f"WHERE (role = {TUNED!r} AND form = '') OR (role = {BASELINE!r} AND form != '') "
        "OR (form != '' AND form NOT IN (SELECT key FROM evaluations WHERE form = ''))",
        "tuned rules were not measured": f"SELECT COUNT(*) FROM evaluations WHERE role = {TUNED!r} "
        f"AND (status NOT IN ({', '.join(map(repr, MEASURED))}) OR learning_rate IS NULL)",
        "rounds of tuning have types that no search writes": "SELECT COUNT(*) FROM tunings "
        "WHERE typeof(form) != 'text' OR typeof(round) != 'integer' OR typeof(step) != 'integer' OR step < 0 "
        "OR typeof(steps) != 'integer' OR steps < 0 OR typeof(trials) != 'text'",
        "rounds of tuning have no form": "SELECT COUNT(*) FROM tunings "
        f"WHERE form NOT IN (SELECT key FROM evaluations WHERE role != {TUNED!r})",
        "forms lack a round of tuning": "SELECT COUNT(*) FROM "
        "(SELECT form FROM tunings GROUP BY form HAVING MIN(round) != 0 OR MAX(round) != COUNT(*) - 1)",
        "tuned rules belong to no round": "SELECT COUNT(*) FROM evaluations WHERE form != '' "
        f"AND (role = {TUNED!r}) != (key IN (SELECT {KEY_OF_ROUND} FROM tunings))",
    },
}
