"""Whatever is at the place of the cache, a search goes on; somebody else's file is left as it is."""

import contextlib
import dataclasses
import os
import random
import sqlite3
import stat
import threading

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.records import cache_file
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.cache_file import NotACache
from neural_optimizer_search.records.ledger import Ledger

RULES = [parse_formula(text) for text in ("g", "m", "sign(g)", "m * g")]
FOUND = [fakes.fake_evaluation(rule) for rule in RULES]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.sqlite"


def open_cache(path, notices):
    return EvaluationCache(path, "a task", Rule.canonical, notices.append)


def fill(path):
    with contextlib.closing(open_cache(path, [])) as cache:
        for evaluation in FOUND:
            cache.put(evaluation)


def change(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def overwrite(path, start, data):
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(data)


def use(path):
    """What is told while every rule is looked up, measured, kept and looked up again."""
    notices = []
    with contextlib.closing(open_cache(path, notices)) as cache:
        for evaluation in FOUND:
            if not cache.get(evaluation.key):
                cache.put(evaluation)
        for evaluation in FOUND[1:]:  # the one at which damage is seen may not be kept
            assert cache.get(evaluation.key) == evaluation
    return notices


# -- Damaged: set aside ----------------------------------------------------------------------------

DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(20_000)),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 80),
    "a text": lambda path: path.write_text("what a slip of the hand left"),
    "cut in the header": lambda path: os.truncate(path, 50),
    "cut": lambda path: os.truncate(path, 5000),
    "garbage after the header": lambda path: overwrite(
        path, 100, random.Random(0).randbytes(path.stat().st_size - 100)
    ),
    "garbage in the pages": lambda path: overwrite(path, 4096, b"\xff" * (path.stat().st_size - 4096)),
    "another column": lambda path: change(path, "ALTER TABLE evaluations_5 ADD COLUMN more"),
    "other columns": lambda path: change(path, "DROP TABLE evaluations_5", "CREATE TABLE evaluations_5 (a, b)"),
    "an endless view": lambda path: change(
        path,
        "DROP TABLE evaluations_5",
        "CREATE VIEW evaluations_5 AS WITH RECURSIVE n(context) AS (SELECT '' UNION ALL SELECT context FROM n) "
        "SELECT * FROM n",
    ),
    "a trigger": lambda path: change(
        path, "CREATE TRIGGER t AFTER INSERT ON evaluations_5 BEGIN DELETE FROM evaluations_5; END"
    ),
    "another table": lambda path: change(path, "CREATE TABLE more (a)"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_set_aside_and_a_new_one_begins(path, damage):
    fill(path)
    damage(path)
    before = path.read_bytes()
    (notice,) = use(path)
    aside = path.with_name("cache.sqlite.damaged-1")
    assert notice.startswith(f"the cache {path} is damaged (")
    assert notice.endswith(f"). It is now {aside}, and a new one begins.")
    assert aside.read_bytes() == before
    assert use(path) == []


def test_no_cache_that_was_set_aside_is_lost(path):
    for number in (1, 2, 3):
        path.write_text(str(number))
        path.with_name("cache.sqlite-wal").write_text(f"wal {number}")
        use(path)
    for number in (1, 2, 3):
        assert path.with_name(f"cache.sqlite.damaged-{number}").read_text() == str(number)
        assert path.with_name(f"cache.sqlite.damaged-{number}-wal").read_text() == f"wal {number}"


def test_what_sqlite_left_beside_a_cache_that_is_gone_does_not_get_into_a_new_one(path):
    path.with_name("cache.sqlite-wal").write_bytes(b"left")
    (notice,) = use(path)
    assert "the file itself is gone" in notice
    assert path.with_name("cache.sqlite.damaged-1-wal").read_bytes() == b"left"


def test_a_cache_that_is_damaged_while_it_is_used(path):
    fill(path)
    notices = []
    with contextlib.closing(open_cache(path, notices)) as cache:
        overwrite(path, 4096, b"\xff" * (path.stat().st_size - 4096))
        assert cache.get(FOUND[0].key) is None
        cache.put(FOUND[0])
        assert cache.get(FOUND[0].key) == FOUND[0]
    assert len(notices) == 1 and "damaged-1" in notices[0]


def test_a_cache_that_another_search_has_set_aside_is_not_set_aside_again(path):
    fill(path)
    notices = []
    first, second = open_cache(path, notices), open_cache(path, notices)
    overwrite(path, 4096, b"\xff" * (path.stat().st_size - 4096))
    for cache in (first, second):
        assert cache.get(FOUND[0].key) is None
    first.put(FOUND[0])
    assert second.get(FOUND[0].key) == FOUND[0]
    assert len(notices) == 1 and not path.with_name("cache.sqlite.damaged-2").exists()


# -- A cache of before -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cache.sqlite", "another.db"])
def test_a_cache_without_an_application_id_is_a_cache(tmp_path, name):
    path = tmp_path / name
    fill(path)
    change(path, "PRAGMA application_id=0", "CREATE TABLE evaluations_2 (context, key)")
    notices = []
    with contextlib.closing(open_cache(path, notices)) as cache:
        assert [cache.get(evaluation.key) for evaluation in FOUND] == FOUND
    assert notices == []


def test_a_cache_of_another_release_gets_our_table(path):
    change(path, "CREATE TABLE evaluations_2 (context, key)", "INSERT INTO evaluations_2 VALUES ('a', 'b')")
    assert use(path) == []
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM evaluations_2").fetchall() == [("a", "b")]


# -- Somebody else's -------------------------------------------------------------------------------

FOREIGN = {
    "a text": ("notes.txt", lambda path: path.write_text("my notes")),
    "zeros": ("disk.img", lambda path: path.write_bytes(bytes(5000))),
    "a database": ("cache.sqlite", lambda path: change(path, "CREATE TABLE cookies (a)")),
    "one with a table of our name": (
        "cache.sqlite",
        lambda path: change(path, "CREATE TABLE cookies (a)", "CREATE TABLE evaluations_5 (a)"),
    ),
    "one of another program": (
        "cache.sqlite",
        lambda path: change(path, "PRAGMA application_id=7", "CREATE TABLE evaluations_5 (a)"),
    ),
    "a ledger": ("ledger.sqlite", lambda path: Ledger(path, {}).close()),
    "a ledger by our name": ("cache.sqlite", lambda path: Ledger(path, {}).close()),
    "a damaged database": (
        "other.db",
        lambda path: (change(path, "CREATE TABLE cookies (a)"), overwrite(path, 100, b"\xff" * 3000)),
    ),
}


@pytest.mark.parametrize(("name", "make"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path, name, make):
    path = tmp_path / name
    make(path)
    before, listed = path.read_bytes(), sorted(os.listdir(tmp_path))
    with pytest.raises(NotACache, match=f"{name} is not a cache of nos-search, so it is left as it is"):
        open_cache(path, [])
    assert path.read_bytes() == before and sorted(os.listdir(tmp_path)) == listed


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_directory_is_not_opened(path, suffix, make):
    if suffix:
        fill(path)
    place = path.with_name(path.name + suffix)
    make(place)
    with pytest.raises(NotACache, match=f"{place} is a (pipe|directory), where a file was expected."):
        open_cache(path, [])
    assert not stat.S_ISREG(place.stat().st_mode)


def test_a_device_is_no_cache():
    with pytest.raises(NotACache, match="/dev/null is a device"):
        open_cache(cache_file.Path("/dev/null"), [])


# -- Wrong rows ------------------------------------------------------------------------------------

ROWS = {
    "a text for a number": "reward = 'high'",
    "none": "reward = NULL",
    "too much": "reward = 1.5",
    "too little": "reward = -0.5",
    "infinity": "reward = 9e999",
    "one reward of a seed": "rewards = '[3.0]'",
    "no JSON": "rewards = '[0.5'",
    "deep JSON": f"sweep = '{'[' * 100_000}'",
    "NaN in JSON": "rewards = '[NaN]'",
    "no rule": "rule = '[[1, 2, 3]]'",
    "a rule of another key": "rule = (SELECT rule FROM evaluations_5 WHERE key = 'm')",
    "a failure": "status = 'failed'",
    "an unknown status": "status = 'wonderful'",
    "bytes that are no text": "message = CAST(X'FF' AS TEXT)",
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_wrong_row_is_as_if_it_were_not_there(path, row):
    fill(path)
    change(path, f"UPDATE evaluations_5 SET {row} WHERE key IN ('g', '{FOUND[3].key}')")
    notices = []
    with contextlib.closing(open_cache(path, notices)) as cache:
        assert [cache.get(evaluation.key) for evaluation in FOUND] == [None, FOUND[1], FOUND[2], None]
        for evaluation in FOUND:
            cache.put(evaluation)
        assert [cache.get(evaluation.key) for evaluation in FOUND] == FOUND
    (notice,) = notices
    assert notice.startswith(f"the cache {path} has rows that no search wrote") and "\n" not in notice
    assert len(notice) < 600


# -- A cache that cannot be used -------------------------------------------------------------------


def test_a_locked_cache_is_named_and_done_without(path, monkeypatch):
    fill(path)
    monkeypatch.setattr("neural_optimizer_search.records.cache_file.BUSY_SECONDS", 0)
    notices = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with contextlib.closing(open_cache(path, notices)) as cache:
            assert cache.get(FOUND[0].key) == FOUND[0]
            cache.put(fakes.fake_evaluation(parse_formula("m * m")))
            cache.put(fakes.fake_evaluation(parse_formula("m * m * g")))
    (notice,) = notices
    assert notice.startswith(f"the cache {path} cannot be written: another process has held it for ")


def test_a_cache_that_is_held_when_it_is_opened(path, monkeypatch):
    fill(path)
    change(path, "PRAGMA journal_mode=DELETE")
    monkeypatch.setattr("neural_optimizer_search.records.cache_file.BUSY_SECONDS", 0)
    notices = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with contextlib.closing(open_cache(path, notices)) as cache:
            assert cache.get(FOUND[0].key) is None
            cache.put(FOUND[0])
    (notice,) = notices
    assert notice.startswith(f"the cache {path} cannot be used: another process has held it for ")


class Refusing(sqlite3.Connection):
    """A connection to a file next to which SQLite cannot create a journal."""

    def execute(self, query, *values):
        if "sqlite_master" in query:
            raise sqlite3.OperationalError("unable to open database file")
        return super().execute(query, *values)


def test_where_no_journal_can_be_created_a_cache_is_read(path, monkeypatch):
    fill(path)
    first = sqlite3.connect(path, factory=Refusing)
    monkeypatch.setattr(cache_file, "connect", lambda path: first)
    with contextlib.closing(open_cache(path, [])) as cache:
        assert cache.get(FOUND[0].key) == FOUND[0]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        first.execute("SELECT 1")


def test_looking_at_a_cache_leaves_nothing_beside_it(path):
    fill(path)
    change(path, "PRAGMA application_id=0")
    path.with_name("cache.sqlite-shm").write_bytes(b"")
    assert cache_file.is_there(path)
    assert sorted(os.listdir(path.parent)) == ["cache.sqlite", "cache.sqlite-shm"]


def test_a_full_disk_is_told_once(path):
    fill(path)
    notices = []
    with contextlib.closing(open_cache(path, notices)) as cache:
        cache._db.execute("PRAGMA max_page_count=1")
        for k in range(3):
            cache.put(dataclasses.replace(FOUND[0], key=str(k), message="x" * 5000))
        assert cache.get(FOUND[0].key) == FOUND[0]
    (notice,) = notices
    assert notice.startswith(f"the cache {path} cannot be written: database or disk is full.")


@pytest.mark.parametrize("place", ["/proc/nowhere/cache.sqlite", "/proc/cache.sqlite"])
def test_a_place_where_no_cache_can_be(place):
    notices = []
    with contextlib.closing(open_cache(cache_file.Path(place), notices)) as cache:
        cache.put(FOUND[0])
        assert cache.get(FOUND[0].key) is None
    (notice,) = notices
    assert notice.startswith(f"the cache {place} cannot be used: ") and notice.endswith("goes on without it.")


# -- Several at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("damaged", [False, True])
def test_six_that_make_one_cache_at_once(path, damaged):
    if damaged:
        path.write_text("garbage")
    barrier, notices, found = threading.Barrier(6), [], []

    def make():
        barrier.wait()
        with contextlib.closing(open_cache(path, notices)) as cache:
            cache.put(FOUND[0])
            found.append(cache.get(FOUND[0].key))

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [FOUND[0]] * 6
    assert len(notices) == damaged


def test_a_link_to_a_damaged_cache_stays_a_link(path, tmp_path):
    (tmp_path / "shared").mkdir()
    real = tmp_path / "shared" / "cache.sqlite"
    real.write_text("garbage")
    path.symlink_to(real)
    (notice,) = use(path)
    assert f"It is now {real}.damaged-1" in notice
    assert path.is_symlink() and real.with_name("cache.sqlite.damaged-1").read_text() == "garbage"
