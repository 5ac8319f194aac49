"""Where `nos-search` keeps a run and its cache, and what it does with what is there."""

import os
import random
import sqlite3
import threading

import fakes
import pytest
from tiny_searches import TINY, found

from neural_optimizer_search.search import command, opening
from neural_optimizer_search.search.config import SearchConfig

RANDOM = [*TINY[:-2], "--algorithm", "random", "--budget", "4"]


def search(*flags):
    return command.main([*RANDOM, *map(str, flags)])


def test_searches_that_begin_at_once_get_directories_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places, barrier = [], threading.Barrier(8)

    def make():
        barrier.wait()
        places.extend(opening._make_directory(SearchConfig()) for _ in range(20))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(places)) == 160 and set(os.listdir("runs")) == {place.name for place in places}


@pytest.mark.parametrize("make", [lambda: open("runs", "x").close(), lambda: os.symlink("nowhere", "runs")])
def test_a_place_for_runs_that_is_taken(tmp_path, monkeypatch, capfd, make):
    monkeypatch.chdir(tmp_path)
    make()
    with pytest.raises(SystemExit, match="2"):
        search()
    error = capfd.readouterr().err
    assert error.startswith("nos-search: argument --out: cannot write to runs: ") and error.count("\n") == 1


def test_a_damaged_default_cache(tmp_path, monkeypatch, capfd, trains_nothing):
    monkeypatch.chdir(tmp_path)
    os.mkdir("runs")
    (tmp_path / "runs" / "cache.sqlite").write_bytes(random.Random(0).randbytes(9000))
    assert search("--out", "first") == search("--out", "second") == 0
    first, second = found(tmp_path / "first"), found(tmp_path / "second")
    assert second[: len(first)] == first and len(second) > len(first)  # what is cached is free
    errors = capfd.readouterr().err
    assert (
        errors.count("nos-search: the cache runs/cache.sqlite is damaged (it is not an SQLite file). It is now ") == 1
    )
    assert "runs/cache.sqlite.damaged-1, and a new one begins." in errors


def test_a_cache_that_is_damaged_while_a_search_uses_it(tmp_path, capfd, monkeypatch):
    def damage(rule):
        with open(cache, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (os.path.getsize(cache) - 4096))
        return fakes.fake_evaluation(rule)

    cache = tmp_path / "cache.sqlite"
    from neural_optimizer_search.workers.config import EXECUTORS

    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(damage))
    assert search("--cache", cache, "--out", tmp_path / "damaged") == 0
    monkeypatch.setitem(EXECUTORS, "local", fakes.open_nothing)
    assert search("--cache", "none", "--out", tmp_path / "without") == 0
    assert found(tmp_path / "damaged") == found(tmp_path / "without")
    assert "Traceback" not in capfd.readouterr().err


OTHERS = {
    "notes.txt": lambda path: path.write_text("my notes"),
    "cache.sqlite": lambda path: sqlite3.connect(path).execute("CREATE TABLE cookies (a)").connection.close(),
    "pipe": os.mkfifo,
    "directory": os.mkdir,
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_somebody_else_is_refused_before_a_run_is_made(tmp_path, capfd, name):
    OTHERS[name](tmp_path / name)
    with pytest.raises(SystemExit, match="2"):
        search("--cache", tmp_path / name, "--out", tmp_path / "run")
    error = capfd.readouterr().err
    what = f"a {name}, " if name in ("pipe", "directory") else "not a cache of nos-search, so it is left as it is. "
    assert error.startswith(f"nos-search: argument --cache: {tmp_path / name} is {what}") and error.count("\n") == 1
    assert os.listdir(tmp_path) == [name]


def test_the_ledger_of_a_run_is_no_cache(tmp_path, capfd, trains_nothing):
    assert search("--cache", "none", "--out", tmp_path / "run") == 0
    before = (tmp_path / "run" / "ledger.sqlite").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        search("--cache", tmp_path / "run" / "ledger.sqlite", "--out", tmp_path / "other")
    assert "argument --cache: " in capfd.readouterr().err
    assert (tmp_path / "run" / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        (["--executor", "ray", "--ray_address", "127.0.0.1:1"], "argument --ray_address: nothing answers at "),
        (["--task", "cifar10", "--data_dir", "nowhere"], "--data_dir must be a tensorflow_datasets directory "),
    ],
)
def test_a_search_that_could_not_begin_leaves_no_run(tmp_path, capfd, monkeypatch, command_line, message):
    for package in ("ray", "tensorflow_datasets"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    for place in (["--out", "run"], []):
        with pytest.raises(SystemExit, match="2"):
            search(*command_line, *place)
        assert capfd.readouterr().err.splitlines()[-1].startswith(f"nos-search: {message}")
        assert not (tmp_path / "run").exists() and not list(tmp_path.glob("runs/*/*"))
