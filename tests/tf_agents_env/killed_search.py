"""A search with made-up rewards that kills itself with SIGKILL; for `test_kills`.

python killed_search.py WHEN COUNT DELAY FLAG ...: DELAY seconds after the COUNT-th "evaluation" or "save" has begun.
"""

import os
import signal
import sys
import threading
import time

import fakes

from neural_optimizer_search.workers.pool import InProcess
from tf_agents_env import train
from tf_agents_env.checkpoints import Checkpoints


class Executor(InProcess):
    """Measures nothing, and takes a moment for it."""

    workers = 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def evaluate(rule):
    time.sleep(0.002)
    return fakes.fake_evaluation(rule)


def search(flags):
    """`nos-search` without workers."""
    before, train._executor = train._executor, lambda *arguments: Executor(evaluate)
    try:
        return train.main([*flags, "--cache", "none"])
    finally:
        train._executor = before


def kill_after(call, count, delay):
    """The callable, whose COUNT-th call starts the clock."""
    left = iter(range(count - 1))

    def counted(*arguments):
        if next(left, None) is None:
            threading.Timer(delay, os.kill, [os.getpid(), signal.SIGKILL]).start()
        return call(*arguments)

    return counted


if __name__ == "__main__":
    when, count, delay, *flags = sys.argv[1:]
    if when == "save":
        Checkpoints.save = kill_after(Checkpoints.save, int(count), float(delay))
    else:
        evaluate = kill_after(evaluate, int(count), float(delay))
    sys.exit(search(flags))
