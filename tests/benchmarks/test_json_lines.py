"""Files of results: nothing that is whole is lost, whatever was cut off, and one process writes at a time."""

import subprocess
import sys

import pytest
from environments import environment

from benchmarks.trials.json_lines import JsonLines
from neural_optimizer_search.file_lock import InUse
from neural_optimizer_search.files import Damaged

pytestmark = pytest.mark.once

WHOLE = '{"of": 1}\n{"of": 2}\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "of" / "lines.jsonl"


def read(path):
    return JsonLines(path).read(lambda record: record["of"])


def written(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_that_is_not_there_has_no_lines_and_is_made_by_the_first(path):
    assert read(path) == [] and not path.exists()
    JsonLines(path).add(dict(of=1))
    JsonLines(path).add(dict(of=2))
    assert path.read_text() == WHOLE and read(path) == [1, 2]


@pytest.mark.parametrize("torn", ['{"of": 3', '{"of"', "3", "\0\0\0"])
def test_a_line_that_is_cut_off_is_left_out_and_replaced(path, torn, capsys):
    written(path, WHOLE + torn)
    assert read(path) == [1, 2] and path.read_text() == WHOLE + torn  # who only reads changes nothing
    assert f"{path}: the last line is cut off, and is left out." in capsys.readouterr().err
    JsonLines(path).add(dict(of=3))
    assert path.read_text() == WHOLE + '{"of": 3}\n'


def test_a_whole_last_line_without_its_end_is_kept(path):
    written(path, WHOLE.rstrip("\n"))
    assert read(path) == [1, 2]
    JsonLines(path).add(dict(of=3))
    assert path.read_text() == WHOLE + '{"of": 3}\n'


@pytest.mark.parametrize("room", [0, 5])
def test_what_is_whole_is_not_written_again(path, room):
    """A full disk cannot lose it, and does not pass unnoticed if there is room for a part of a line."""
    written(path, WHOLE + '{"of"')
    before = path.stat().st_ino
    code = (
        "import resource, signal, sys, pathlib; from benchmarks.trials.json_lines import JsonLines\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(WHOLE) + room},) * 2)\n"
        "JsonLines(pathlib.Path(sys.argv[1])).add(dict(of=3))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False, capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert path.read_text() == WHOLE + '{"of": 3}'[:room] and path.stat().st_ino == before
    assert read(path) == [1, 2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "Expecting value"),
        ("\0", "Expecting value"),
        ('{"of": 3', "Expecting ',' delimiter"),
        ('{"off": 3}', "it has no 'of'"),
        ("[]", "list indices"),
    ],
)
def test_a_damaged_line_is_named(path, line, told):
    written(path, f'{{"of": 1}}\n{line}\n{{"of": 2}}\n')
    with pytest.raises(Damaged) as error:
        read(path)
    assert str(error.value).startswith(f"{path}, line 2 is damaged: {told}")
    assert str(error.value).endswith("Delete this line, and its result is measured again")


def test_bytes_that_are_no_text(path):
    written(path, WHOLE)
    path.write_bytes(b"\xff\xfe\n" + path.read_bytes())
    with pytest.raises(Damaged, match="line 1 is damaged"):
        read(path)


def test_one_process_writes_and_others_read(path):
    code = (
        "import pathlib, sys; from benchmarks.trials.json_lines import JsonLines\n"
        "JsonLines(pathlib.Path(sys.argv[1])).add(dict(of=1)); print('held', flush=True); sys.stdin.read()"
    )
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
    with subprocess.Popen([sys.executable, "-c", code, path], **pipes) as other:
        assert other.stdout.readline() == "held\n"
        assert read(path) == [1]
        with pytest.raises(InUse, match=r"lines.jsonl is being written by another process\. Wait for it"):
            JsonLines(path).hold()
        other.communicate()
    JsonLines(path).add(dict(of=2))
    assert read(path) == [1, 2]
