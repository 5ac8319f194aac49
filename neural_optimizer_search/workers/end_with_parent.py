"""A worker process ends when its parent does, whatever ends that and whatever the worker is doing."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's <sys/prctl.h>


def end_with_parent() -> None:
    """Called in a worker process that the `multiprocessing` of its parent started.

    On Linux the kernel then kills the worker with the thread that started it, also while the worker is stopped or does
    not let go of Python's lock. Elsewhere, and for a parent that ended before, a thread of the worker waits for the
    parent's end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end():
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
