"""The entry points of the commands. A signal ends them without a traceback even during TensorFlow's slow import.

This module is outside of the package, because importing anything in the package imports Keras and its backend.
"""

import contextlib
import importlib
import importlib.metadata
import os
import signal
import sys
from types import FrameType
from typing import NamedTuple, Optional


class Command(NamedTuple):
    """The module of a command, the extra that installs all it needs, and its purpose."""

    module: str
    extra: str
    purpose: str


COMMANDS = {
    "nos-search": Command("neural_optimizer_search.search.command", "search", "searches for update rules"),
    "nos-report": Command("neural_optimizer_search.report.command", "search", "shows what a search found, as a page"),
    "nos-promote": Command("neural_optimizer_search.promotion.command", "search", "trains the best rules for longer"),
    "nos-tune": Command("neural_optimizer_search.tuning.command", "search", "tunes the constants of a rule"),
    "nos-optimizers": Command("neural_optimizer_search.listing", "", "lists rules, or prints one as a file"),
    "nos-learn": Command(
        "neural_optimizer_search.l2o.training", "l2o", "learns an optimizer for a family of functions"
    ),
}
# Those of `neural_optimizer_search.stopping`, which takes over when everything is imported.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def _stop(number: int, frame: Optional[FrameType]) -> None:
    # A half-imported module would turn an exception into another error.
    os.write(2, b"\nStopped.\n")
    os._exit(128 + number)


def _run(name: str) -> int:
    command = COMMANDS[name]
    for each in _SIGNALS:
        number = getattr(signal, each, None)  # not every system has all of them
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        main = importlib.import_module(command.module).main
    except ImportError as error:
        # Errors with these names come from Python, `neural_optimizer_search.keras_versions` and
        # `neural_optimizer_search.tuning`.
        if error.name not in ("tensorflow", "keras", "optuna"):
            raise
        # The error's own advice covers any backend, which does not help here. With a path, what is there is too old.
        package = f"neural-optimizer-search[{command.extra}]"
        needed = f"needs Keras on TensorFlow: install {package}, and leave KERAS_BACKEND unset."
        missing = command.extra and error.name != "optuna" and not error.path
        print(f"{name}: {needed if missing else error}", file=sys.stderr)
        return 2
    return main()


def search() -> int:
    """`nos-search`."""
    return _run("nos-search")


def promote() -> int:
    """`nos-promote`."""
    return _run("nos-promote")


def tune() -> int:
    """`nos-tune`."""
    return _run("nos-tune")


def learn() -> int:
    """`nos-learn`."""
    return _run("nos-learn")


def report() -> int:
    """`nos-report`."""
    return _run("nos-report")


def optimizers() -> int:
    """`nos-optimizers`."""
    return _run("nos-optimizers")


def list_commands() -> int:
    """`nos`: lists the commands, as `nos --help` does; `nos --version` prints the version of the package."""
    given = sys.argv[1:]
    if given == ["--version"]:
        print(f"neural-optimizer-search {importlib.metadata.version('neural-optimizer-search')}")
        return 0
    if given and given not in (["--help"], ["-h"]):
        print(f"nos: it takes --help and --version alone. Received: {' '.join(given)}.", file=sys.stderr)
        return 2
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {one.purpose}" for name, one in COMMANDS.items()]
    with contextlib.suppress(BrokenPipeError):  # whoever reads may stop early, as `head` does
        print("\n".join([*lines, "", "More on each: nos-search --help"]), flush=True)
        return 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it again at its end
    return 0
