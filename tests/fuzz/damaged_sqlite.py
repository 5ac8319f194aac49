"""What SQLite's files may hold: any value in any column, other tables, and work without end."""

import contextlib
import json
import sqlite3
import subprocess
import sys

from damaged_json import JUNK, with_junk

from neural_optimizer_search.records.ledger import SCHEMA_VERSION

COLUMNS = {
    "evaluations": (
        "key", "role", "rule", "formula", "reward", "status", "message", "learning_rate", "accuracy", "rewards",
        "sweep", "seconds", "seeds", "worker", "flipped", "cached",
    ),
    "samples": ("position", "step", "key", "rule", "reward", "staleness"),
    "run": ("value",),
}  # fmt: skip
CACHE_COLUMNS = {
    f"evaluations_{SCHEMA_VERSION}": ("context", *(c for c in COLUMNS["evaluations"] if c not in ("role", "formula")))
}
VALUES = {
    "NULL": None,
    "a blob": b"\xff\x00\xfe" * 10,
    "infinite": float("inf"),
    "minus infinite": -float("inf"),
    "1e308": 1e308,
    "the largest": 2**63 - 1,
    "the smallest": -(2**63),
    "digits": "9" * 5000,
    "no UTF-8": "CAST(x'ff41fe' AS TEXT)",  # the one that is SQL
    "one number": "[1]",
    "a pair": "[[1, 2]]",
    "text in a list": '["a"]',
    "numbers without end": "[NaN, 1e999]",
    "a rule that reads itself": '[[0, "m", "identity", "identity", "add"]]',
    "a huge rule": json.dumps([["g", "m", "exp", "exp", "mul"], *([k, k, "exp", "exp", "mul"] for k in range(40))]),
    **{name: junk for name, junk in JUNK.items() if name not in ("true", "a large number")},
}
FLAGS = (
    "task", "protocol", "seeds_per_rule", "data_dir", "workers", "executor", "ray_address", "timeout", "space",
    "depth", "algorithm", "preset", "budget", "seed", "unconstrained", "screen", "cache", "asynchronous",
)  # fmt: skip


@contextlib.contextmanager
def opened(path):
    """A connection to a file, which takes anything."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


@contextlib.contextmanager
def _anything_allowed(path):
    """Takes the conditions from the columns for a while; the tables look as before afterwards."""
    with opened(path) as db:
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE sql LIKE '% NOT NULL%'").fetchall()
    _rewrite_schema(path, [(name, sql.replace(" NOT NULL", "")) for name, sql in kept])
    yield
    _rewrite_schema(path, kept)


def _rewrite_schema(path, rows):
    with opened(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.executemany("UPDATE sqlite_master SET sql = ?2 WHERE name = ?1", rows)
        (version,) = db.execute("PRAGMA schema_version").fetchone()
        db.execute(f"PRAGMA schema_version = {version + 1}")


def _put(table, column, value):
    def damage(path, rng):
        shown, values = (value, []) if str(value).startswith("CAST") else ("?", [value])
        with _anything_allowed(path), opened(path) as db:
            rows = [row for (row,) in db.execute(f"SELECT rowid FROM {table}")]
            # A key or a position takes the place of another row's.
            change = f"UPDATE OR REPLACE {table} SET {column} = {shown} WHERE rowid = ?"
            assert db.execute(change, [*values, rng.choice(rows)]).rowcount == 1

    return damage


def _do(*statements):
    def damage(path, rng):
        with opened(path) as db:
            for statement in statements:
                db.execute(statement)

    return damage


def _in_config(change):
    def damage(path, rng):
        with opened(path) as db:
            ((text,),) = db.execute("SELECT value FROM run WHERE key = 'config'").fetchall()
            db.execute("UPDATE run SET value = ? WHERE key = 'config'", [change(json.loads(text))])

    return damage


def _replace_table(table, *statements):
    return _do("DROP TABLE " + table, *statements)


def _view_without_end(table, columns):
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
    return f"CREATE VIEW {table} ({', '.join(columns)}) AS {numbers} SELECT {', '.join(['x'] * len(columns))} FROM n"


def _view_with_nothing(table, columns):
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
    chosen = ", ".join(["x"] * len(columns))
    return f"CREATE VIEW {table} ({', '.join(columns)}) AS {numbers} SELECT {chosen} FROM n WHERE x < 0"


NO_END = "SELECT max(x) FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n)"


def _structures(tables):
    """Damages of the tables themselves."""
    found = {}
    for table, columns in tables.items():
        found |= {
            f"no {table}": _do(f"DROP TABLE {table}"),
            f"{table} has a column more": _do(f"ALTER TABLE {table} ADD COLUMN more"),
            f"{table} is a view without end": _replace_table(table, _view_without_end(table, columns)),
            f"{table} is a view that looks without end": _replace_table(table, _view_with_nothing(table, columns)),
            f"{table} is a view of another": _do(
                f"ALTER TABLE {table} RENAME TO true_one", f"CREATE VIEW {table} AS SELECT * FROM true_one"
            ),
            f"{table} is a view of none": _replace_table(table, f"CREATE VIEW {table} AS SELECT * FROM nowhere"),
            f"{table} is a search in text": _replace_table(
                table, f"CREATE VIRTUAL TABLE {table} USING fts5({', '.join(c for c in columns)})"
            ),
            f"{table} is empty": _do(f"DELETE FROM {table}"),
            f"{table} is WITHOUT ROWID": _replace_table(
                table, f"CREATE TABLE {table} ({', '.join(columns)}, PRIMARY KEY ({columns[0]})) WITHOUT ROWID"
            ),
            f"{table} takes nothing": _do(
                f"CREATE TRIGGER stop BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'two\nlines'); END"
            ),
            f"{table} forgets": _do(
                f"CREATE TRIGGER forget AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END"
            ),
            f"{table} thinks without end": _do(
                f"CREATE TRIGGER think AFTER INSERT ON {table} BEGIN {NO_END}; END"
            ),
            f"{table} has conditions": _do(
                f"ALTER TABLE {table} ADD COLUMN more CHECK (typeof(more) = 'null' AND 1)",
                f"CREATE UNIQUE INDEX only_one ON {table} (more)",
            ),
            f"{table} computes without end": _do(f"CREATE INDEX slow ON {table} (length(hex(zeroblob(1000000))))"),
        }  # fmt: skip
        for column in columns:
            found[f"{table} has no {column}"] = _without_column(table, column)
    return found


def _without_column(table, column):
    def damage(path, rng):
        with opened(path) as db:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != column]
            db.execute(f"CREATE TABLE new AS SELECT {', '.join(columns) or '1 AS other'} FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE new RENAME TO {table}")

    return damage


HOLDER = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute(sys.argv[2])"


def _hold(begin):
    """Another process is at the file while the commands run."""

    def damage(path, rng):
        code = f"{HOLDER}; print(flush=True); input()"
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder = subprocess.Popen([sys.executable, "-S", "-c", code, path, begin], **pipes)
        holder.stdout.readline()
        return lambda: holder.communicate(b"\n")

    return damage


def _lead(path, rng):
    with opened(path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET rootpage = rootpage + 1 WHERE type = 'table'")


PRAGMAS = {
    **{
        f"version {number}": _do(f"PRAGMA user_version = {number}")
        for number in (0, SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, -1, 2**31 - 1)
    },
    **{f"application {number}": _do(f"PRAGMA application_id = {number}") for number in (7, -1)},
    "no WAL": _do("PRAGMA journal_mode = DELETE"),
    "vacuumed": _do("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM"),
    "tables lead to one another": _lead,
    "held for writing": _hold("BEGIN IMMEDIATE"),
    "held for all": _hold("BEGIN EXCLUSIVE"),
}
ROWS = {
    "an evaluation is missing": _do("DELETE FROM evaluations WHERE rowid = 9"),
    "the last evaluation is missing": _do(
        "DELETE FROM evaluations WHERE rowid = (SELECT max(rowid) FROM evaluations)"
    ),
    "a known optimizer is missing": _do("DELETE FROM evaluations WHERE rowid = 2"),
    "all known optimizers are missing": _do("DELETE FROM evaluations WHERE role = 'baseline'"),
    "roles are exchanged": _do(
        "UPDATE evaluations SET role = CASE role WHEN 'search' THEN 'baseline' ELSE 'search' END"
    ),
    "a sample is missing": _do("DELETE FROM samples WHERE position = 2"),
    "the last sample is missing": _do("DELETE FROM samples WHERE position = (SELECT max(position) FROM samples)"),
    "the first step is missing": _do("DELETE FROM samples WHERE step = 0"),
    "the last step is missing": _do("DELETE FROM samples WHERE step = (SELECT max(step) FROM samples)"),
    "samples are doubled": _do(
        "INSERT INTO samples (step, key, rule, reward, staleness) SELECT step, key, rule, reward, staleness "
        "FROM samples"
    ),
    "evaluations are doubled": _do(
        "INSERT INTO evaluations SELECT key || '2', role, rule, formula, reward, status, message, learning_rate, "
        "accuracy, rewards, sweep, seconds, seeds, worker, flipped, cached FROM evaluations"
    ),
    "samples are in another order": _do("UPDATE samples SET position = -position"),
    "samples of a later step": _do("UPDATE samples SET step = step + 100 WHERE position > 3"),
    "a sample has another's reward": _do("UPDATE samples SET reward = reward + 0.25 WHERE key != ''"),
    "a sample has another's rule": _do(
        "UPDATE samples SET rule = (SELECT rule FROM evaluations WHERE rowid = 1) WHERE key != ''"
    ),
    "a sample has a key of nothing": _do("UPDATE samples SET key = 'nothing' WHERE key != ''"),
    "an evaluation has another's rule": _do(
        "UPDATE evaluations SET rule = (SELECT rule FROM evaluations WHERE rowid = 1) WHERE rowid = 10"
    ),
    "an evaluation has another reward than its seeds": _do("UPDATE evaluations SET reward = 0.999 WHERE rowid = 10"),
    "an evaluation succeeded with no seed": _do("UPDATE evaluations SET rewards = '[]' WHERE rowid = 10"),
    "the configuration is missing": _do("DELETE FROM run WHERE key = 'config'"),
    "the versions are missing": _do("DELETE FROM run WHERE key = 'versions'"),
    "all is missing": _do("DELETE FROM run", "DELETE FROM evaluations", "DELETE FROM samples"),
    "another table": _do("CREATE TABLE other (value)", "INSERT INTO other VALUES (zeroblob(100000))"),
}
CONFIG = {
    **{f"the configuration is {name}": _in_config(lambda table, junk=junk: junk) for name, junk in JUNK.items()},
    **{
        f"--{flag} is {name}": _in_config(lambda table, flag=flag, junk=junk: with_junk(table, [flag], junk))
        for flag in FLAGS
        for name, junk in JUNK.items()
        if sum(map(ord, flag + name)) % 3 == 0  # a third of them
    },
    **{
        f"no --{flag}": _in_config(
            lambda table, flag=flag: json.dumps({key: value for key, value in table.items() if key != flag})
        )
        for flag in FLAGS
    },
    "another flag": _in_config(lambda table: json.dumps({**table, "other": 1})),
    "a task of code": _in_config(lambda table: json.dumps({**table, "task": "os:path"})),
}


IN_RUNG = {name: COLUMNS[name] for name in ("evaluations", "run")}


def values(tables):
    """Damages that put a value into a column of one row."""
    return {
        f"{column} of {table} is {name}": _put(table, column, value)
        for table, columns in tables.items()
        for column in columns
        for name, value in VALUES.items()
        if column != "position" or isinstance(value, int)  # SQLite takes no other there
    }


LEDGER = {**_structures(COLUMNS), **PRAGMAS, **ROWS}
CACHE = {**_structures(CACHE_COLUMNS), **PRAGMAS}
