"""A file is whole or as it was."""

import os

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
    (tmp_path / "a.json.unfinished").write_text("half of what somebody else wrote")
    write_whole(tmp_path / "a.json", lambda unfinished: unfinished.write_text("whole"))
    assert os.listdir(tmp_path) == ["a.json"] and (tmp_path / "a.json").read_text() == "whole"


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "a.json", lambda unfinished: unfinished.write_text("x"))
