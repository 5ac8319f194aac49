"""Signals end a command as Ctrl-C does: finished work is kept, and nothing is left running."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Optional

# Ctrl-C, `kill` and `timeout`, and a terminal that is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The exit code of Ctrl-C in a shell.
STOPPED = 128 + signal.SIGINT
# Seconds after which a command that is still cleaning up ends anyway. Its measurements are on disk by then, and
# worker processes end with their parent.
PATIENCE = 8.0
# Seconds between two checks whether the command has reacted.
_INTERVAL = 0.5


class Stop(KeyboardInterrupt):
    """A signal asked the command to stop."""


class Stopping:
    """A context in which signals raise `Stop` in the main thread until the command reacts.

    An exception can be lost where it is raised: Python drops exceptions in finalizers and callbacks, and TensorFlow
    drops some while it traces a function. So a timer checks whether `Stop` is being handled, and raises it again if
    not. A command that does not end within `PATIENCE` seconds is ended anyway.

    A signal that is already ignored, such as SIGHUP under `nohup`, stays ignored. In threads other than the main one,
    which do not receive signals, nothing changes.

    Args:
      say: Called before a command that takes too long is ended.
    """

    def __init__(self, say: Callable[[], None]):
        self._say = say
        self._before: dict[int, Any] = {}
        self._deadline = 0.0
        self.number: Optional[int] = None
        self.over = False

    def __enter__(self) -> "Stopping":
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._drop
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, kind: Optional[type], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.over = True
        if self.number is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            # Otherwise, Python examines all of TensorFlow's objects before it exits, for a second or more.
            gc.freeze()
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        sys.unraisablehook = self._unraisable

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as in a shell."""
        return STOPPED if self.number is None else 128 + self.number

    def _hear(self, number: int, frame: Optional[FrameType]) -> None:
        if self.number is None:
            if self.over:
                return
            self.number, self._deadline = number, time.monotonic() + PATIENCE
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._hear)
            signal.setitimer(signal.ITIMER_REAL, _INTERVAL, _INTERVAL)
            raise Stop
        if time.monotonic() > self._deadline:
            self._end_anyway()
        if not self.over and not _is_on_its_way():
            raise Stop

    def _end_anyway(self):
        signal.setitimer(signal.ITIMER_REAL, 1)  # the reader of the output may be stuck, too
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._say()
        os._exit(self.exit_code)

    def _drop(self, unraisable: Any) -> None:
        """Omits Python's message about a dropped `Stop`, which the timer raises again."""
        if not isinstance(unraisable.exc_value, Stop):
            self._unraisable(unraisable)


def _is_on_its_way():
    """Whether a `Stop` is being handled: `finally` and `with` clean up before it propagates."""
    error, seen = sys.exc_info()[1], set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Stop):
            return True
        seen.add(id(error))
        error = error.__context__
    return False
