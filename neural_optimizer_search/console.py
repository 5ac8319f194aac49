"""Runs the commands: their output may be closed, signals end them, and an error becomes one sentence."""

import contextlib
import functools
import os
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional

from neural_optimizer_search.command_line import drop_error_numbers, one_line
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.stopping import Stopping

# The arguments, or None for those of the process -> the exit code.
Main = Callable[..., int]


class Output:
    """A text stream that drops everything written after its first error.

    Characters that its encoding lacks are replaced.

    Args:
      stream: The stream.

    Attributes:
      error: Its first error, or None.
    """

    def __init__(self, stream: Any):
        self._stream = stream
        self.error: Optional[Exception] = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes a text if possible."""
        try:
            self._attempt(self._stream.write, text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            self._attempt(self._stream.write, text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes lines if possible."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Writes what is buffered if possible."""
        self._attempt(self._stream.flush)

    def _attempt(self, do, *arguments):
        if self.error is not None:
            return
        try:
            do(*arguments)
        except UnicodeError:
            raise
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.error = error
            # Otherwise, Python would try to write the rest when it exits, and complain.
            with contextlib.suppress(OSError, ValueError):
                _lead_nowhere(self._stream.fileno())


def _lead_nowhere(descriptor):
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    os.set_inheritable(descriptor, True)


def guard_output() -> tuple[Output, Output]:
    """Replaces `sys.stdout` and `sys.stderr` with an `Output` of each, and returns them."""
    for descriptor in (0, 1, 2):
        # Otherwise, the next file that is opened, such as a database, would receive the writes to standard error.
        try:
            os.fstat(descriptor)
        except OSError:
            _lead_nowhere(descriptor)
    sys.stdout, sys.stderr = output, errors = _guard(sys.stdout), _guard(sys.stderr)
    return output, errors


def _guard(stream) -> Any:
    if stream is None:  # it was closed when Python started
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it stays open
    return stream if isinstance(stream, Output) else Output(stream)


# The running commands, the innermost last: a benchmark runs other commands.
_running: "list[_Command]" = []


def command(name: str) -> Callable[[Main], Main]:
    """Turns the work of a command into its `main`.

    If standard output or standard error is closed, the command continues without it. Signals stop it (see
    `Stopping`). An error of a disk or a database, or a damaged file, ends it with one sentence.

    Args:
      name: The name by which users call it.

    Example:
      >>> from neural_optimizer_search import console
      >>> @console.command("nos-greet")
      ... def main(argv=None):
      ...     print("Hello.")
      ...     return 0
      >>> main()
      Hello.
      0
    """

    def decorate(work: Main) -> Main:
        @functools.wraps(work)
        def main(argv: Optional[Sequence[str]] = None) -> int:
            return _Command(name).run(work, argv)

        return main

    return decorate


def goes_on(stopped: str, fixed: str) -> None:
    """Sets the messages that say how to continue the running command.

    Args:
      stopped: One or more sentences for a user who stopped it.
      fixed: Sentences for a user who has fixed what ended it, such as a full disk.
    """
    if _running:
        _running[-1].stopped, _running[-1].fixed = stopped, fixed


class _Command:
    def __init__(self, name):
        self.name, self.stopped, self.fixed = name, "", ""
        self._outermost = not _running
        self._stopping = Stopping(self._say_stopped) if self._outermost else _running[0]._stopping

    def run(self, work, argv):
        streams, format_warning = (sys.stdout, sys.stderr), warnings.formatwarning
        output, errors = guard_output()
        warnings.formatwarning = functools.partial(self._format_warning, format_warning)
        _running.append(self)
        try:
            with self._stopping if self._outermost else contextlib.nullcontext():
                try:
                    code = self._work(work, argv)
                except SystemExit as ended:  # --help, or a wrong argument
                    raise SystemExit(self._settle(output, errors, ended.code)) from None
                return self._settle(output, errors, code)
        finally:
            _running.pop()
            sys.stdout, sys.stderr = streams
            warnings.formatwarning = format_warning

    def _work(self, work, argv):
        try:
            try:
                code = work(argv)
            except (OSError, sqlite3.Error, Damaged) as error:
                self._say(f"cannot go on: {str(error).rstrip('.')}. {self.fixed}".rstrip())
                code = 1
            self._stopping.over = self._outermost
            return code
        except SystemExit:
            raise
        except BaseException as error:
            # TensorFlow may turn the interrupt into another error.
            if self._stopping.number is None and not isinstance(error, KeyboardInterrupt):
                raise
            self._stopping.over = self._outermost
            self._say_stopped()
            return self._stopping.exit_code

    def _settle(self, output, errors, code):
        """Writes all output, and returns the exit code."""
        output.flush()
        lost = output.error
        if self._outermost and lost is not None and not isinstance(lost, BrokenPipeError):
            why = getattr(lost, "strerror", None) or lost
            self._say(f"cannot write to standard output: {why}. The rest of the output is lost; files are whole.")
            code = code or 1
        errors.flush()
        return code

    def _format_warning(self, otherwise, message, category, *where):
        """One sentence for a `UserWarning`; other warnings, for developers, keep Python's format with their place."""
        if category is UserWarning:
            return f"{self.name}: {one_line(str(message))}\n"
        return otherwise(message, category, *where)

    def _say(self, message):
        print(f"{self.name}: {one_line(drop_error_numbers(message))}", file=sys.stderr)

    def _say_stopped(self):
        print(f"\nStopped. {self.stopped}".rstrip(), file=sys.stderr)
