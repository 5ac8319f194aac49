"""Runs the commands on what is damaged, and judges how they end."""

import fnmatch
import hashlib
import operator
import os
import pathlib
import re
import stat
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from watch import SECONDS, Hang, watched
from worlds import CACHES, RUNGS, SMALL, World, nothing_trained, record

from benchmarks.trials.contenders import read_contender
from neural_optimizer_search.promotion import command as promotion
from neural_optimizer_search.report import command as report
from neural_optimizer_search.search import command as search

CODES = (0, 1, 2, 130)


class Command(NamedTuple):
    """A command that is run on a subject, a directory of the world.

    Attributes:
      run: (world, subject) -> exit code.
      owns: (subject) -> patterns of the paths that it may write.
      result: (world, subject) -> what it found, which must be what it finds in a healthy run; or None.
      agree: (what it found, what it finds in a healthy run) -> whether that is the same.
      answers: Whether what it says of damage is its result, and goes to stdout.
    """

    run: Callable[[World, str], int]
    owns: Callable[[str], list[str]]
    result: Callable[[World, str], Any] = lambda world, subject: None
    agree: Callable[[Any, Any], bool] = operator.eq
    answers: bool = False


def _promoted(out):
    rungs = [record(path)[1] for path in (out / "rung1.sqlite", out / "ledger.sqlite")]
    return rungs, (out / "leaderboard.txt").read_text()


def _is_begin(found, healthy):
    """Whether one begins with the other: without what the cache had, the budget is spent sooner."""
    count = min(len(found), len(healthy))
    return found[:count] == healthy[:count] and count > 0


def _contender(world, subject):
    # What `benchmarks` makes of it: see `read_optimizers` there.
    try:
        print(read_contender(f"run:{world.here / subject}#1"))
    except ValueError as error:
        return _say(f"benchmarks: argument --optimizers: {error}")
    return 0


def _say(message):
    print(message, file=sys.stderr)
    return 2


def _place(world, subject):
    return str(world.here / subject)


COMMANDS = {
    "nos-search --check": Command(
        lambda world, subject: search.main(["--check", _place(world, subject)]),
        lambda subject: [],
        answers=True,
    ),
    "nos-report": Command(
        lambda world, subject: report.main([_place(world, subject)]),
        lambda subject: [f"{subject}/report.html", f"{subject}/.report.html.unfinished"],
    ),
    "nos-report --compare": Command(
        lambda world, subject: report.main(
            [_place(world, subject), _place(world, "whole"), "--compare", "--out", _place(world, "reports/both.html")]
        ),
        lambda subject: ["reports/both.html"],
    ),
    "run:RUN#1": Command(
        _contender, lambda subject: [], lambda world, subject: read_contender(f"run:{world.here / subject}#1")
    ),
    "nos-promote": Command(
        lambda world, subject: promotion.main([_place(world, subject), *RUNGS, "--out", _place(world, "new")]),
        lambda subject: ["new*"],
        lambda world, subject: _promoted(world.here / "new"),
    ),
    "nos-promote again": Command(
        lambda world, subject: promotion.main([_place(world, "whole"), *RUNGS, "--out", _place(world, subject)]),
        lambda subject: [f"{subject}*"],
        lambda world, subject: _promoted(world.here / subject),
    ),
    "nos-search --resume": Command(
        lambda world, subject: search.main(["--resume", _place(world, subject)]),
        lambda subject: [f"{subject}*", f"{CACHES}/{subject}/*"],
        lambda world, subject: record(world.here / subject / "ledger.sqlite"),
    ),
    "nos-search --cache": Command(
        lambda world, subject: search.main([
            "--algorithm", "evolution", "--seed", "3", *SMALL, "--out", _place(world, "new"),
            "--cache", str(world.cache_of(subject)),
        ]),
        lambda subject: ["new*", f"{CACHES}/{subject}/*"],
        lambda world, subject: record(world.here / "new" / "ledger.sqlite")[0],
        _is_begin,
    ),
}  # fmt: skip
COMMANDS["nos-search --resume with a cache"] = COMMANDS["nos-search --resume"]._replace(
    result=lambda world, subject: record(world.here / subject / "ledger.sqlite")[0], agree=_is_begin
)


class Ending(NamedTuple):
    """How a command ended: its exit code, None after an exception; what it said; and its faults, kind and words."""

    code: int
    said: str
    faults: list[tuple[str, str]]


def run(world: World, name: str, subject: str, healthy: Any, read_output: Callable[[], tuple[str, str]]) -> Ending:
    """Runs a command.

    Args:
      world: Its `World`, in which something is damaged.
      name: Of `COMMANDS`.
      subject: What it is run on.
      healthy: What it finds where nothing is damaged; None if that is not to be compared.
      read_output: Gives what was written to stdout and to stderr since it was called last.
    """
    command, faults, code = COMMANDS[name], [], None
    before = _list_files(world.here)
    read_output()
    try:
        with nothing_trained(), watched():
            code = command.run(world, subject)
    except SystemExit as error:
        code = error.code
    except Hang:
        faults.append(("hangs", f"did not end in {SECONDS:.0f} seconds"))
    except BaseException as error:
        faults.append(("tracebacks", _tell(error)))
    answer, said = read_output()
    said = f"{said}nos-search: {answer}" if command.answers else said
    if not faults:
        faults += judge(code, said)
    after = _list_files(world.here)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    own = _find_own(world, command, subject)
    foreign = [path for path in changed if not any(fnmatch.fnmatchcase(path, pattern) for pattern in own)]
    faults += [("foreign writes", path) for path in foreign]
    if code and not faults:
        gone = [path for path in before.keys() - after.keys() if not _MAY_GO.search(path)]
        faults += [("lost files", path) for path in sorted(gone)]
    if code == 0 and not faults and healthy is not None:
        faults += _compare(command, world, subject, healthy)
    return Ending(code, said, faults)


def _find_own(world, command, subject):
    """The patterns of the paths that a command may write."""
    real = os.path.relpath(os.path.realpath(world.here / subject), world.here)
    # Who names a link to a run names that run; but no promotion is made where there is a search.
    names = [subject] if command is COMMANDS["nos-promote again"] else [subject, real]
    index = [f"{real}/*.sqlite-shm", f"{CACHES}/{real}/*-shm"]  # of a log, which each reader makes anew
    return [*index, f"{CACHES}/{real}", *(pattern for name in names for pattern in command.owns(name))]


def _compare(command, world, subject, healthy):
    try:
        found = command.result(world, subject)
    except Exception as error:
        return [("wrong results", f"ends with 0, and leaves what cannot be read: {_tell(error)}")]
    return (
        []
        if command.agree(found, healthy)
        else [("wrong results", "ends with 0 and another result than the healthy run")]
    )


def _tell(error):
    """The last line of the traceback, and the last place of ours in it."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "/site-packages/" not in f.filename]
    place = f"{pathlib.Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else "?"
    return f"{place}: {''.join(traceback.format_exception_only(type(error), error)).strip()[:300]}"


_MAY_GO = re.compile(r"-wal$|-shm$|-journal$|unfinished$")  # what SQLite, or a later writer, puts in order
_BAR = re.compile(r"\|.{20}\| \d\d:\d\d")


def judge(code: Any, said: str) -> list[tuple[str, str]]:
    """The faults, kind and words, of how a command ended: its exit code, and what it wrote to stderr."""
    lines = [line for line in re.split(r"[\r\n]+", said) if line.strip() and not _BAR.search(line)]
    if code not in CODES:
        return [("unclear messages", f"exit code {code!r}")]
    if code in (1, 2) and len(lines) != 1:
        return [("unclear messages", f"{len(lines)} lines in place of one: {' // '.join(lines)[:500]}")]
    if code in (1, 2) and len(lines[0]) > 1000:
        return [("unclear messages", f"a line of {len(lines[0])} characters: {lines[0][:300]}")]
    strange = [line for line in lines if not re.match(r"(nos-\w+|benchmarks): ", line)]
    return (
        [("unclear messages", f"exit code {code}, with what is no message of ours: {strange[0][:300]}")]
        if strange
        else []
    )


# -- Files -----------------------------------------------------------------------------------------


def _list_files(directory):
    """What each file of the directory is and holds, by path."""
    found = {}
    for entry in _walk(directory):
        mode, name = os.lstat(entry).st_mode, os.path.relpath(entry, directory)
        if stat.S_ISREG(mode):
            os.chmod(entry, mode | 0o400)
            found[name] = "file", hashlib.sha1(pathlib.Path(entry).read_bytes()).hexdigest()
            os.chmod(entry, mode)
        elif stat.S_ISLNK(mode):
            found[name] = "link", os.readlink(entry)
        else:
            found[name] = "other", stat.S_IFMT(mode)
    return found


def _walk(directory):
    mode = os.stat(directory).st_mode
    os.chmod(directory, mode | 0o700)
    for entry in os.scandir(directory):
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
    os.chmod(directory, mode)
