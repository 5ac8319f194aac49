"""Ledgers of earlier releases: versions 4, 5 with schedules and decays, 6 with fresh seeds, 7 with tuned rules."""

import contextlib
import json
import sqlite3

from neural_optimizer_search.records.ledger import Ledger

# As they were written there, to the letter.
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
PRAGMA user_version=4;
PRAGMA application_id=1313821516;
"""
SCHEMA_5 = f"""{SCHEMA_4}
ALTER TABLE evaluations ADD COLUMN schedule TEXT NOT NULL DEFAULT 'constant';
ALTER TABLE evaluations ADD COLUMN weight_decay REAL NOT NULL DEFAULT 0.0;
PRAGMA user_version=5;
"""
SCHEMA_6 = f"""{SCHEMA_5}
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
PRAGMA user_version=6;
"""
SCHEMA_7 = f"""{SCHEMA_6}
ALTER TABLE evaluations ADD COLUMN form TEXT NOT NULL DEFAULT '';
ALTER TABLE evaluations ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE fresh ADD COLUMN form TEXT NOT NULL DEFAULT '';
ALTER TABLE fresh ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE samples ADD COLUMN tuned INTEGER NOT NULL DEFAULT 0;
CREATE TABLE tunings (
    form TEXT NOT NULL, round INTEGER NOT NULL, step INTEGER NOT NULL, steps INTEGER NOT NULL, trials TEXT NOT NULL,
    PRIMARY KEY (form, round)
);
PRAGMA user_version=7;
"""
SCHEMAS = {4: SCHEMA_4, 5: SCHEMA_5, 6: SCHEMA_6, 7: SCHEMA_7}
# The flags that came with the next version.
LATER_FLAGS = {
    4: ("baselines",),
    5: ("alike", "racing", "fresh_seeds", "steps"),
    6: ("minutes", "patience", "start", "constants"),
}
# What version 6 called flags of today.
EARLIER_NAMES = {"steps": "step_budget"}
RULE = '[["g", "1", "identity", "identity", "left"]]'
SWEEP = "[[0.1, 1.5], [1.0, null]]"
ROW = ("a", "search", RULE, "g", 0.5, "ok", "Trained.", 0.1, 0.6, "[0.5]", SWEEP, 2.0, "[0]", "w:1", 0, 0)


def make(path, version=4):
    """A file with one evaluation and its sample."""
    about = {"config": {}, "kind": "search", "id": "an-id", "origin": {}, "versions": []}
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMAS[version])
        db.executemany("INSERT INTO run VALUES (?, ?)", [(key, json.dumps(value)) for key, value in about.items()])
        columns = [row[1] for row in db.execute("PRAGMA table_info(evaluations)")][: len(ROW)]
        db.execute(f"INSERT INTO evaluations ({', '.join(columns)}) VALUES ({', '.join('?' * len(ROW))})", ROW)
        columns = "position, step, key, rule, reward, staleness"
        db.execute(f"INSERT INTO samples ({columns}) VALUES (1, 0, 'a', ?, 0.5, 0)", [RULE])


def write_as_before(path, version):
    """Writes a ledger anew as the earlier release would have; of what it says of the run, later flags go."""
    with contextlib.closing(Ledger(path)) as ledger:
        config = ledger.run.config
        for name in (name for before, names in LATER_FLAGS.items() if before >= version for name in names):
            config.pop(name, None)
        if version <= 6:
            config = {EARLIER_NAMES.get(name, name): value for name, value in config.items()}
        ledger.run.set_config(config)
    path.rename(path.with_name("new.sqlite"))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMAS[version])
        db.execute("ATTACH ? AS new", [str(path.with_name("new.sqlite"))])
        for table in ("run", "evaluations", "samples", *(["fresh"] if version >= 6 else [])):
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} SELECT {columns} FROM new.{table}")
    path.with_name("new.sqlite").unlink()
