"""An end for what would not end, in SQLite and elsewhere, and for what wants all of the memory."""

import contextlib
import os
import pathlib
import resource
import signal
import sqlite3
import threading
import weakref
from collections.abc import Iterator

SECONDS = float(os.environ.get("NOS_HANG", 60))  # a command takes at most three
MEMORY = 4 * 2**30  # what a command may have more than it began with


class Hang(BaseException):
    """The command did not end."""


class _Connection(sqlite3.Connection):
    """One that the watch can interrupt: SQLite does not come back to Python while it looks for a row."""


@contextlib.contextmanager
def watched(seconds: float = SECONDS) -> Iterator[None]:
    """Raises `Hang` when the time is up, also in SQLite, and `MemoryError` when too much memory is wanted."""
    connections: weakref.WeakSet = weakref.WeakSet()
    connect, over = sqlite3.connect, threading.Event()

    def connect_watched(*arguments, **more):
        made = connect(*arguments, **{"factory": _Connection, **more})
        connections.add(made)
        return made

    def end(signum, frame):
        if not over.is_set():
            raise Hang

    def watch():
        wait = seconds
        while not over.wait(wait):
            wait = 1
            for one in list(connections):
                with contextlib.suppress(sqlite3.Error):
                    one.interrupt()
            signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    handler, limits = signal.signal(signal.SIGALRM, end), resource.getrlimit(resource.RLIMIT_AS)
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    watcher = threading.Thread(target=watch, daemon=True)
    sqlite3.connect = connect_watched
    try:
        watcher.start()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))
        yield
    finally:
        over.set()
        sqlite3.connect = connect
        resource.setrlimit(resource.RLIMIT_AS, limits)
        watcher.join()
        signal.signal(signal.SIGALRM, handler)
