"""One process writes a file, whatever name it opens it by."""

import os
import signal
import subprocess
import sys

import pytest
from environments import environment

from neural_optimizer_search.file_lock import FileLock, InUse, Moved, hold_directory

pytestmark = pytest.mark.once

HOLD = """
import sys
from neural_optimizer_search.file_lock import FileLock
lock = FileLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("content")
    return path


@pytest.fixture
def names(file, tmp_path):
    """The names of the file: its own, a link, a hard link and a path through another directory."""
    (tmp_path / "link").symlink_to(file)
    os.link(file, tmp_path / "hard")
    (tmp_path / "directory").mkdir()
    return [file, tmp_path / "link", tmp_path / "hard", tmp_path / "directory" / ".." / "file"]


def test_this_process_holds_it_once(file, names):
    lock = FileLock(file)
    for name in names:
        with pytest.raises(InUse, match="is being written by another process"):
            FileLock(name)
    lock.close()
    FileLock(file).close()


def test_another_process_holds_it_until_it_is_killed(file, names):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    assert holder.stdout.readline() == b"held\n"
    for name in names:
        with pytest.raises(InUse):
            FileLock(name)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    FileLock(file).close()


KEPT, MAYBE = "What was measured is kept there.", "If it was moved, what was measured is kept there."


def test_what_is_moved_is_found(file, tmp_path):
    lock = FileLock(file)
    lock.require_in_place()
    file.rename(tmp_path / "elsewhere")
    for _ in range(2):
        with pytest.raises(Moved, match="file was moved") as moved:
            lock.require_in_place()
        assert moved.value.place in (tmp_path / "elsewhere", None)  # None where nobody can say
        assert moved.value.kept == (KEPT if moved.value.place else MAYBE)
        file.write_text("another")
    file.unlink()
    (tmp_path / "elsewhere").rename(file)
    lock.require_in_place()
    file.unlink()
    with pytest.raises(Moved, match="was moved or deleted") as moved:
        lock.require_in_place()
    assert moved.value.place is None and moved.value.kept == MAYBE
    lock.close()


def test_what_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "nothing")
    assert not list(tmp_path.iterdir())


def test_one_at_a_time_in_a_directory(tmp_path):
    message = f"{tmp_path} has been locked for 0.1 seconds"
    with hold_directory(tmp_path, 0.0), pytest.raises(TimeoutError, match=message), hold_directory(tmp_path, 0.1):
        pytest.fail("two hold it")
    with hold_directory(tmp_path, 0.0):
        assert os.listdir(tmp_path) == []
