"""Ends a worker process when its parent ends, whatever ended the parent and whatever the worker is doing.

On Linux, the kernel kills the worker when the thread that started it ends, even if the worker is stopped or holds
Python's lock. Elsewhere, and if the parent ended earlier, a thread of the worker waits for the parent's end.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable

# PR_SET_PDEATHSIG of Linux's <sys/prctl.h>.
_SET_PARENT_DEATH_SIGNAL = 1


class BindingName(str):
    """The name of a process, which binds it to its parent as its first action.

    `multiprocessing` sends the name before the process imports anything. The main module imports TensorFlow, which
    may take longer than the parent lives, so unpickling the name binds the process without a module of this package.
    """

    def __reduce__(self) -> tuple[Callable[[str], str], tuple[str]]:
        if sys.platform != "linux":
            return str, (str(self),)
        call = f"__import__('ctypes').CDLL(None).prctl({_SET_PARENT_DEATH_SIGNAL}, {int(signal.SIGKILL)})"
        return eval, (f"({call}, {str(self)!r})[1]",)


def end_with_parent() -> None:
    """Binds this process to its parent, which started it with `multiprocessing`."""
    ask_kernel()
    threading.Thread(target=_wait_and_end, daemon=True).start()


def ask_kernel() -> None:
    """Makes the kernel kill this process when its parent ends; not available on every system."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))


def _wait_and_end():
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
