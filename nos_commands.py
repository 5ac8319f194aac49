"""Where the commands begin: what stops one while it imports TensorFlow, for seconds, ends it without a traceback.

This module lies beside the package, because importing anything in the package imports Keras and its backend.
"""

import importlib
import os
import signal
import sys
from types import FrameType
from typing import Optional

# As in `neural_optimizer_search.stopping`, which takes over when everything is imported.
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def _stop(number: int, frame: Optional[FrameType]) -> None:
    # Whatever is half imported would make another error of an exception.
    os.write(2, b"\nStopped.\n")
    os._exit(128 + number)


def _run(name: str, module: str, extra: str = "") -> int:
    for each in _SIGNALS:
        number = getattr(signal, each, None)  # not every system has all
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        main = importlib.import_module(module).main
    except ImportError as error:
        # As Python, `neural_optimizer_search.keras_versions` and `neural_optimizer_search.tuning` raise it.
        if error.name not in ("tensorflow", "keras", "optuna"):
            raise
        # Its own advice is about any backend, which does not help here.
        package = f"neural-optimizer-search[{extra}]"
        needed = f"needs Keras on TensorFlow: install {package}, and leave KERAS_BACKEND unset."
        print(f"{name}: {needed if extra and error.name != 'optuna' else error}", file=sys.stderr)
        return 2
    return main()


def search() -> int:
    """`nos-search`."""
    return _run("nos-search", "neural_optimizer_search.search.command", "search")


def promote() -> int:
    """`nos-promote`."""
    return _run("nos-promote", "neural_optimizer_search.promotion.command", "search")


def tune() -> int:
    """`nos-tune`."""
    return _run("nos-tune", "neural_optimizer_search.tuning.command", "tune")


def learn() -> int:
    """`nos-learn`."""
    return _run("nos-learn", "neural_optimizer_search.l2o.training", "l2o")


def report() -> int:
    """`nos-report`."""
    return _run("nos-report", "neural_optimizer_search.report.command", "search")


def optimizers() -> int:
    """`nos-optimizers`."""
    return _run("nos-optimizers", "neural_optimizer_search.optimizers.listing")
