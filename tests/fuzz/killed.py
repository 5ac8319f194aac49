"""Commands that kill themselves with SIGKILL at a certain moment of a write; for `test_killed_inside`."""

import contextlib
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Sequence

from worlds import nothing_trained

# Imported once, by a process that computes nothing, from which each process to be killed is forked.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["killed", "harness", "tf_agents_env.algorithms", "tf_agents_env.controllers"])


def kill_at(place: str, count: int, main: Callable[[list[str]], int], argv: Sequence[str]) -> int:
    """Runs a command in a process of its own that is killed when it comes to a place for the count-th time.

    Args:
      place: Of `PLACES`.
      count: From 1.
      main: The command.
      argv: Its arguments.

    Returns:
      The process's exit code; -9 if it was killed.
    """
    process = _context.Process(target=_run, args=(place, count, main, list(argv)))
    process.start()
    process.join()
    return process.exitcode


def _run(place, count, main, argv):
    passed = 0

    def come(act=lambda: None):
        nonlocal passed
        passed += 1
        if passed == count:
            act()
            os.kill(os.getpid(), signal.SIGKILL)

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        with nothing_trained():
            PLACES[place](come)
            code = main(argv)
    os._exit(code)  # without the time that TensorFlow takes to end


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
