"""A file is whole or as it was."""

import os
import threading

import pytest

from neural_optimizer_search.files import write_whole


def test_a_file_is_written_and_written_over(tmp_path):
    for path in (tmp_path / "a.json", str(tmp_path / "a.json")):
        for text in ("one", "two"):
            write_whole(path, lambda unfinished, text=text: unfinished.write_text(text))
            assert (tmp_path / "a.json").read_text() == text
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_file_is_in_its_place_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")

    def write(unfinished):
        unfinished.write_text("half")
        assert path.read_text() == "old"
        assert unfinished.parent == path.parent  # a move between file systems is no move
        unfinished.write_text("whole")

    write_whole(path, write)
    assert path.read_text() == "whole"


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("begun", [True, False])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error, begun):
    path = tmp_path / "a.json"
    path.write_text("old")

    def write(unfinished):
        if begun:
            unfinished.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_whole(path, write)
    assert os.listdir(tmp_path) == ["a.json"] and path.read_text() == "old"


def test_it_is_on_the_disk_before_it_is_in_its_place(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))
    write_whole(tmp_path / "a", lambda unfinished: unfinished.write_bytes(b"x"))
    assert done == ["fsync", "replace"]


def test_a_file_that_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / ".a.json.unfinished").write_text("half of what somebody else wrote")
    write_whole(tmp_path / "a.json", lambda unfinished: unfinished.write_text("whole"))
    assert os.listdir(tmp_path) == ["a.json"] and (tmp_path / "a.json").read_text() == "whole"


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "a.json", lambda unfinished: unfinished.write_text("x"))


@pytest.mark.parametrize("replace", [True, False])
def test_of_several_writers_one_waits_for_the_other(tmp_path, replace):
    """Each file is one writer's; of those that may not replace one, the first succeeds and no other."""
    path, done, refused = tmp_path / "a.json", [], []

    def write(number):
        def write_slowly(unfinished):
            for _ in range(50):
                with open(unfinished, "a") as file:
                    file.write(str(number))
            done.append(number)

        try:
            write_whole(path, write_slowly, replace)
        except FileExistsError:
            refused.append(number)

    writers = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() == str(done[-1]) * 50
    assert (len(done), len(refused)) == ((8, 0) if replace else (1, 7))
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_lies_where_it_writes_leads_nowhere(tmp_path, kind):
    other, unfinished = tmp_path / "other", tmp_path / ".a.json.unfinished"
    other.write_text("mine")
    make = {"link": unfinished.symlink_to, "hard link": lambda to: os.link(to, unfinished)}
    make.get(kind, lambda to: os.mkfifo(unfinished))(other)
    write_whole(tmp_path / "a.json", lambda path: path.write_text("whole"))
    assert (tmp_path / "a.json").read_text() == "whole" and other.read_text() == "mine"
