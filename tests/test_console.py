"""Every command outlives its output, and a signal ends it as Ctrl-C does."""

import concurrent.futures
import contextlib
import dataclasses
import io
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import fakes
import pytest
from fake_objective import FakeObjective
from tiny_searches import TINY

from benchmarks import run as benchmark
from neural_optimizer_search import console, listing, parse_formula
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.l2o import training
from neural_optimizer_search.promotion import command as promotion
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report import command as report
from neural_optimizer_search.search import command as search
from neural_optimizer_search.stopping import SIGNALS
from neural_optimizer_search.tuning import command as tuning
from neural_optimizer_search.workers.config import EXECUTORS

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parent.parent
SMALL = ["--task", "digits", "--executor", "local"]


@dataclasses.dataclass(frozen=True)
class NoFlags:
    """Of a study that is quick."""


class Row(NamedTuple):
    """A command.

    Attributes:
      name: As a person calls it.
      main: Its `main`.
      words: Arguments; {} is a directory with a search in {}/run.
      kept: What it writes there, or "".
      said: What it says of how to go on after it was stopped.
    """

    name: str
    main: Callable[..., int]
    words: list
    kept: str
    said: str


COMMANDS = [
    Row(
        "nos-search",
        search.main,
        [*SMALL, *TINY, "--algorithm", "random", "--budget", "3", "--out", "{}/new"],
        "new/leaderboard.txt",
        "What was measured is kept. Go on with: nos-search --resume {}/new",
    ),
    Row(
        "nos-promote",
        promotion.main,
        ["{}/run", *SMALL, "--protocol", "reduced", "--top", "3", "--out", "{}/out"],
        "out/leaderboard.txt",
        "What was measured is kept. Go on with: nos-promote --task digits --protocol reduced --executor local "
        "{0}/run --top 3 --out {0}/out",
    ),
    Row(
        "nos-tune",
        tuning.main,
        [
            "g",
            "--task",
            "digits_mlp",
            "--protocol",
            "reduced",
            "--budget",
            "420",
            "--seeds",
            "1",
            "--out",
            "{}/tuned",
        ],
        "tuned/tuned.txt",
        "What was measured is kept. Go on with: nos-tune --resume {}/tuned",
    ),
    Row(
        "nos-learn",
        training.main,
        ["--out", "{}/learned", "--iterations", "1"],
        "learned/config.json",
        "Finished iterations are kept. Go on with: nos-learn --resume {}/learned",
    ),
    Row("nos-report", report.main, ["{}/run"], "run/report.html", ""),
    Row("nos-optimizers", listing.main, [], "", ""),
    Row(
        "python -m benchmarks.run",
        benchmark.main,
        ["scaling"],
        "",
        "Finished work is kept; run the same command to continue.",
    ),
]
each_command = pytest.mark.parametrize("row", COMMANDS, ids=[row.name for row in COMMANDS])


class WorkingObjective(FakeObjective):
    """Does what is to be done while a command works."""

    def __init__(self, protocol, todo):
        super().__init__(protocol)
        self.todo = todo

    def train(self, setting, seed):
        self.todo["do"]()
        yield from super().train(setting, seed)


@pytest.fixture
def work(monkeypatch):
    """What is called while a command works: nothing, or what a test puts into `work["do"]`."""
    todo: dict[str, Any] = dict(do=lambda: None)

    def before(do):
        return lambda *arguments, **named: (todo["do"](), do(*arguments, **named))[1]

    def learn(*arguments, **named):
        todo["do"]()
        return iter(())

    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(before(fakes.fake_evaluation)))
    monkeypatch.setattr(tuning, "TaskObjective", lambda task, protocol, *more: WorkingObjective(protocol, todo))
    monkeypatch.setattr(training, "learn", learn)
    monkeypatch.setattr(report, "search_page", before(report.search_page))
    monkeypatch.setattr(listing, "format_table", before(listing.format_table))
    study = benchmark.Command("A study.", NoFlags, before(lambda config: {}))
    monkeypatch.setattr(benchmark, "load_command", lambda name: study)
    return todo


@pytest.fixture
def place(tmp_path):
    """A directory with a search."""
    (tmp_path / "run").mkdir()
    with contextlib.closing(Ledger(tmp_path / "run" / "ledger.sqlite", {})) as ledger:
        for i, formula in enumerate(["g", "m", "sign(g)", "sign(m)"]):
            ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), i / 10), "search")
    return tmp_path


@contextlib.contextmanager
def standard_files(monkeypatch, stdout, stderr):
    """These in the place of standard output and standard error. At the end they are closed, as when Python exits."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        patch.setattr(sys, "stderr", stderr)
        try:
            yield
            assert (sys.stdout, sys.stderr) == (stdout, stderr)
        finally:
            for file in {stdout, stderr} - {None}:
                file.close()


def run_command(row, place):
    return row.main([word.format(place) for word in row.words])


def open_to_write(path, encoding="utf-8"):
    return open(path, "w", encoding=encoding)


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w")


@each_command
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (broken_pipe, 0, ""),
        (lambda: open_to_write("/dev/full"), 1, "{}: cannot write to standard output: No space left on device. "),
        (lambda: None, 0, ""),
    ],
    ids=["broken pipe", "full", "closed"],
)
def test_output_may_end(row, make, code, message, both, place, work, monkeypatch):
    # A bar writes into standard error, which is written line by line; a file for it is closed with the other.
    errors = make() if both else open_to_write(place / "errors")
    with standard_files(monkeypatch, make(), errors):
        assert run_command(row, place) == code
    assert (place / row.kept).exists()
    if not both:
        said = (place / "errors").read_text()
        assert message.format(row.name) in said and "Traceback" not in said
        assert ("cannot write" in said) == bool(message)


@each_command
def test_standard_error_may_be_full(row, place, work, monkeypatch, tmp_path):
    with standard_files(monkeypatch, open_to_write(tmp_path / "output"), open_to_write("/dev/full")):
        assert run_command(row, place) == 0
    assert (place / row.kept).exists() and (tmp_path / "output").stat().st_size


@each_command
def test_characters_that_an_encoding_lacks_are_replaced(row, place, work, monkeypatch, tmp_path):
    place = place.rename(tmp_path.with_name(f"{tmp_path.name}±"))
    output, errors = (open_to_write(place / name, "ascii") for name in ("output", "errors"))
    work["do"] = lambda: print("±")
    with standard_files(monkeypatch, output, errors):
        assert run_command(row, place) == 0
    assert (place / row.kept).exists() and "?" in (place / "output").read_text()


@each_command
@pytest.mark.parametrize("number", SIGNALS)
def test_signals_end_it_as_ctrl_c(row, number, place, work, capsys):
    before = [signal.getsignal(one) for one in SIGNALS]
    work["do"] = lambda: os.kill(os.getpid(), number)
    with handled_by_python():
        assert run_command(row, place) == 128 + number
    said = capsys.readouterr().err
    assert f"\nStopped. {row.said.format(place)}".rstrip() + "\n" in said and "Traceback" not in said
    assert [signal.getsignal(one) for one in SIGNALS] == before


@contextlib.contextmanager
def handled_by_python():
    """As for a command in the foreground: a shell starts what is in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@each_command
def test_a_signal_that_is_ignored_stays_ignored(row, place, work):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        work["do"] = lambda: os.kill(os.getpid(), signal.SIGHUP)
        assert run_command(row, place) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@each_command
@pytest.mark.parametrize("kind", [OSError, sqlite3.OperationalError])
def test_what_a_disk_refuses_is_one_sentence(row, kind, place, work, capsys):
    def fail():
        raise kind("The disk is full")

    work["do"] = fail
    assert run_command(row, place) == 1
    name, _, rest = capsys.readouterr().err.splitlines()[-1].partition(": ")
    # The benchmarks say which one it was.
    assert name.startswith(row.name) and rest.startswith("cannot go on: The disk is full.")


def test_a_damaged_file_is_one_sentence(capsys):
    @console.command("nos-test")
    def main(argv=None):
        console.goes_on("", "When that is fixed: again.")
        raise Damaged("The file is empty.")

    assert main() == 1
    assert capsys.readouterr().err == "nos-test: cannot go on: The file is empty. When that is fixed: again.\n"


# -- What a command may do to be hard to stop ------------------------------------------------------


def stop_now():
    os.kill(os.getpid(), signal.SIGTERM)


def lose_it():
    """As TensorFlow does now and then."""
    with contextlib.suppress(KeyboardInterrupt):
        stop_now()


def lose_it_in_a_finalizer():
    class Finalized:
        def __del__(self):
            stop_now()

    Finalized()


def make_another_error_of_it():
    try:
        stop_now()
    except KeyboardInterrupt:
        raise SystemError("returned a result with an exception set") from None


@pytest.mark.parametrize("lose", [lose_it, lose_it_in_a_finalizer, make_another_error_of_it])
def test_a_stop_cannot_be_lost(lose, capsys):
    @console.command("nos-test")
    def main(argv=None):
        lose()
        time.sleep(60)

    assert main() == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "\nStopped.\n"


def test_who_tidies_up_is_not_disturbed(capsys, monkeypatch):
    monkeypatch.setattr("neural_optimizer_search.stopping._INTERVAL", 0.01)
    tidied = []

    @console.command("nos-test")
    def main(argv=None):
        try:
            time.sleep(stop_now() or 60)
        finally:
            with contextlib.suppress(ValueError):
                raise ValueError
            for _ in range(10):
                stop_now()  # an impatient person
                time.sleep(0.02)
            tidied.append(True)

    assert main() == 128 + signal.SIGTERM and tidied


def test_what_is_done_when_the_signal_comes_stays_done(monkeypatch):
    class Late(io.StringIO):
        def flush(self):
            stop_now()

    with standard_files(monkeypatch, Late(), io.StringIO()):
        assert listing.main([]) == 0


def test_in_another_thread(capsys):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(listing.main, []).result() == 0


def test_a_command_within_another(capsys):
    @console.command("outer")
    def outer(argv=None):
        console.goes_on("Outer goes on.", "")
        assert inner() == 128 + signal.SIGTERM
        raise KeyboardInterrupt

    @console.command("inner")
    def inner(argv=None):
        console.goes_on("Inner goes on.", "")
        time.sleep(stop_now() or 60)

    assert outer() == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "\nStopped. Inner goes on.\n\nStopped. Outer goes on.\n"


# -- As processes: what Python does when it exits --------------------------------------------------

# Without the package's own __init__.py, which imports TensorFlow.
PROGRAM = f"""
import os, sys, time, types
package = types.ModuleType("neural_optimizer_search")
package.__path__ = [{str(ROOT / "neural_optimizer_search")!r}]
sys.modules["neural_optimizer_search"] = package
from neural_optimizer_search import console, stopping

@console.command("nos-test")
def main(argv=None):
    %s
    return 0

sys.exit(main())
"""
TALK = """
    print("±" * 100_000)
    print("end", file=sys.stderr)
    os.write(os.open("kept", os.O_CREAT | os.O_WRONLY), b"x")
"""
FULL = b"nos-test: cannot write to standard output: No space left on device. "


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        ("| head -c 1 > head", 0, b"end\n"),
        ("2>&1 | head -c 1 > head", 0, b""),
        ("> /dev/full", 1, b"end\n" + FULL),
        ("2> /dev/full > all", 0, b""),
        ("> /dev/full 2>&1", 1, b""),
        (">&-", 0, b"end\n"),
        ("2>&- > all", 0, b""),
        ("<&- >&- 2>&-", 0, b""),
    ],
)
def test_nothing_is_left_for_the_exit(redirection, code, said, tmp_path):
    line = f'"$0" -c "$1" {redirection}; exit ${{PIPESTATUS[0]}}'
    env = dict(os.environ, PYTHONIOENCODING="utf-8")
    env.pop("PYTHONUNBUFFERED", None)
    result = subprocess.run(
        ["bash", "-c", line, sys.executable, PROGRAM % TALK], cwd=tmp_path, env=env, stderr=subprocess.PIPE
    )
    assert result.returncode == code
    assert result.stderr.startswith(said) and result.stderr.count(b"\n") == said.count(b"\n") + (FULL in said)
    # Nor does what is written to a file that was closed get into the next one that is opened.
    assert (tmp_path / "kept").read_bytes() == b"x"


@pytest.mark.parametrize(
    "environment", [dict(PYTHONIOENCODING="ascii"), dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")]
)
def test_a_poor_terminal(environment):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM % "print(chr(177))"], env={**os.environ, **environment}, capture_output=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"?\n", b"")


def test_whoever_does_not_end_is_ended():
    hang = """
    stopping.PATIENCE, stopping._INTERVAL = 0.2, 0.1
    console.goes_on("Go on.", "")
    try:
        os.kill(os.getpid(), 15)
    finally:
        time.sleep(60)
    """
    result = subprocess.run([sys.executable, "-c", PROGRAM % hang], capture_output=True, timeout=50)
    assert (result.returncode, result.stderr) == (143, b"\nStopped. Go on.\n")


def test_a_warning_is_a_sentence(capsys):
    @console.command("nos-greet")
    def main(argv=None):
        # pytest keeps what is warned of; what would be printed is this.
        for kind in (UserWarning, DeprecationWarning):
            print(warnings.formatwarning(kind("Passed over\none."), kind, "file.py", 7, ""), end="")
        return 0

    before = warnings.formatwarning
    assert main() == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "nos-greet: Passed over\\none." and second.startswith("file.py:7: DeprecationWarning")
    assert warnings.formatwarning is before
