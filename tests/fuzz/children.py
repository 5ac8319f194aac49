"""Commands in processes of their own, which are killed in the midst of a write, or have no room to write."""

import os
import resource
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import reduction
from typing import Optional

import forked
from worlds import nothing_trained

Main = Callable[[list[str]], int]
KILLED = -signal.SIGKILL

_context = forked.context("children", "harness")


def kill_at(place: str, count: int, main: Main, argv: Sequence[str]) -> Optional[int]:
    """Runs a command in a process that kills itself when it comes to a place for the count-th time.

    Args:
      place: Of `PLACES`.
      count: From 1.
      main: The command.
      argv: Its arguments.

    Returns:
      The exit code; `KILLED` if it came so far.
    """
    return _run(_killed, place, count, main, argv)[0]


def run_with_room(size: int, main: Main, argv: Sequence[str]) -> tuple[Optional[int], str]:
    """Runs a command that cannot make a file larger than this, as on a full disk; its exit code, and its stderr."""
    return _run(_limited, size, main, argv)


def _run(target, *arguments):
    """Runs one of the functions below in a process of its own; its exit code, and what it wrote to stderr."""
    reader, writer = os.pipe()
    process = _context.Process(target=_quietly, args=(reduction.DupFd(writer), target, *arguments))
    process.start()
    os.close(writer)
    with open(reader, errors="replace") as pipe:
        said = pipe.read()
    process.join()
    return process.exitcode, said


def _quietly(stderr, target, *arguments):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(stderr.detach(), 2)
    try:
        with nothing_trained():
            code = target(*arguments)
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stderr.flush()
    os._exit(code)  # without the time that TensorFlow takes to end


def _killed(place, count, main, argv):
    passed = 0

    def come(act=lambda: None):
        nonlocal passed
        passed += 1
        if passed == count:
            act()
            os.kill(os.getpid(), signal.SIGKILL)

    PLACES[place](come)
    return main(list(argv))


def _limited(size, main, argv):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails with EFBIG
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return main(list(argv))


# -- Places ----------------------------------------------------------------------------------------


def _at_statement(come):
    connect = sqlite3.connect

    def connect_traced(*arguments, **more):
        db = connect(*arguments, **more)
        db.set_trace_callback(lambda statement: come())
        return db

    sqlite3.connect = connect_traced


def _before(find, name):
    """Before a function is called; `find` gives the module that has it."""

    def patch(come):
        module = find()
        function = getattr(module, name)

        def come_and_call(*arguments, **more):
            come()
            return function(*arguments, **more)

        setattr(module, name, come_and_call)

    return patch


def _without_index(come):
    module = _savers().gen_io_ops
    merge = module.merge_v2_checkpoints

    def merge_and_come(shards, prefix, **more):
        made = merge(shards, prefix, **more)
        come(lambda: os.unlink(f"{prefix.numpy().decode()}.index"))
        return made

    module.merge_v2_checkpoints = merge_and_come


def _savers():
    from tensorflow.python.checkpoint import functional_saver

    return functional_saver


def _management():
    from tensorflow.python.checkpoint import checkpoint_management

    return checkpoint_management


# A checkpoint is written in this order: its data, both its files under other names, the data under its name, the
# index, the list of the checkpoints; then the oldest goes, its index first.
CHECKPOINT = {
    "before the data": _before(lambda: _savers().io_ops, "save_v2"),
    "before the names": _before(lambda: _savers().gen_io_ops, "merge_v2_checkpoints"),
    "before the index": _without_index,
    "before the list": _before(_management, "update_checkpoint_state_internal"),
    "before the list has its name": _before(lambda: _management().file_io, "rename"),
    "before the oldest goes": _before(_management, "_delete_file_if_exists"),
}
PLACES = {
    **CHECKPOINT,
    "at a statement of SQLite": _at_statement,  # COMMIT is one
    "before a file has its name": _before(lambda: os, "replace"),
    "before a file is surely written": _before(lambda: os, "fsync"),
}
