"""The file of tracebacks: what is written, and that nothing about it can end a search."""

import os

import pytest

from neural_optimizer_search.search import tracebacks
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.workers.executor import Failure, TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

FAILURE = Failure(
    "sign(g)", "OSError: no shard 7 (a.py:3)", "Traceback (most recent call last):\n  ...\nOSError: no shard 7\n"
)


def fail(path, *failures, error=None):
    """What a command says at its end if these failures come and the executor gives up."""
    executor = InProcess(lambda rule: None)
    with pytest.raises(TaskFailed) as caught, keep_tracebacks(executor, path, lambda: None):
        for failure in failures:
            executor.on_failure(failure)
        raise error or TaskFailed("All failed. First, g: OSError: no shard 7 (a.py:3)", FAILURE.traceback)
    return str(caught.value)


def test_each_traceback_stands_below_its_rule(tmp_path):
    path = tmp_path / "tracebacks.txt"
    start = Failure("", "ValueError: x (b.py:1)", "Traceback of the start")
    silent = Failure("g", "The worker's process crashed.", "")
    told = fail(path, FAILURE, start, silent)
    assert told == f"All failed. First, g: OSError: no shard 7 (a.py:3). The traceback is in {path}."
    assert path.read_text() == (
        f"Rule sign(g): OSError: no shard 7 (a.py:3)\n\n{FAILURE.traceback}\n\n"
        "A worker's start: ValueError: x (b.py:1)\n\nTraceback of the start\n\n\n"
    )


def test_an_end_without_a_traceback_names_no_file(tmp_path):
    assert fail(tmp_path / "tracebacks.txt", FAILURE, error=TaskFailed("No worker starts.")) == "No worker starts."
    assert fail(tmp_path / "none.txt") == "All failed. First, g: OSError: no shard 7 (a.py:3)"
    assert not (tmp_path / "none.txt").exists()


@pytest.mark.parametrize("kind", ["directory", "pipe", "link", "no directory", "full disk"])
def test_what_cannot_be_written_is_left_out(kind, tmp_path, monkeypatch):
    path, other = tmp_path / "tracebacks.txt", tmp_path / "other.txt"
    other.write_text("somebody's")
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(other)
    elif kind == "no directory":
        path = path / "below"
    else:
        path.write_text("")
        monkeypatch.setattr(tracebacks, "_open_own", lambda name, flags: os.open("/dev/full", os.O_WRONLY))
    assert fail(path, FAILURE) == "All failed. First, g: OSError: no shard 7 (a.py:3)"
    assert other.read_text() == "somebody's"


def test_the_file_has_an_end(tmp_path):
    path = tmp_path / "tracebacks.txt"
    fail(path, *[FAILURE._replace(traceback="x" * 20_000)] * 100)
    assert tracebacks.MOST_BYTES - 30_000 < path.stat().st_size <= tracebacks.MOST_BYTES
