"""Ledgers as an earlier release wrote them: version 4, without schedules, weight decays and `--baselines`."""

import contextlib
import json
import sqlite3

from neural_optimizer_search.records.ledger import Ledger

# As it was written there, to the letter.
SCHEMA = """
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
PRAGMA user_version=4;
PRAGMA application_id=1313821516;
"""
RULE = '[["g", "1", "identity", "identity", "left"]]'
SWEEP = "[[0.1, 1.5], [1.0, null]]"
ROW = ("a", "search", RULE, "g", 0.5, "ok", "Trained.", 0.1, 0.6, "[0.5]", SWEEP, 2.0, "[0]", "w:1", 0, 0)


def make(path, config=None):
    """A file with one evaluation and its sample."""
    about = {"config": config or {}, "kind": "search", "id": "an-id", "origin": {}, "versions": []}
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO run VALUES (?, ?)", [(key, json.dumps(value)) for key, value in about.items()])
        db.execute(f"INSERT INTO evaluations VALUES ({', '.join('?' * len(ROW))})", ROW)
        db.execute("INSERT INTO samples VALUES (1, 0, 'a', ?, 0.5, 0)", [RULE])


def write_as_before(path):
    """Writes a ledger anew as the earlier release would have; of what it says of the run, `--baselines` goes."""
    with contextlib.closing(Ledger(path)) as ledger:
        config = ledger.config
        del config["baselines"]
        ledger.set_config(config)
    path.rename(path.with_name("new.sqlite"))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        db.execute("ATTACH ? AS new", [str(path.with_name("new.sqlite"))])
        for table in ("run", "evaluations", "samples"):
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{table}")
    path.with_name("new.sqlite").unlink()
