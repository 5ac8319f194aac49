"""A search with made-up rewards that kills itself with SIGKILL; for `test_kills`.

python killed_search.py WHEN COUNT DELAY FLAG ...: DELAY seconds after the COUNT-th "evaluation" or "save" has begun.
"""

import os
import signal
import sys
import threading
import time

import fakes

from neural_optimizer_search.search import command
from neural_optimizer_search.workers.config import EXECUTORS
from tf_agents_env.checkpoints import Checkpoints


def evaluate(rule):
    time.sleep(0.002)
    return fakes.fake_evaluation(rule)


def search(flags):
    """`nos-search` without workers."""
    before = EXECUTORS["local"]
    EXECUTORS["local"] = fakes.open_fake(lambda rule: evaluate(rule))
    try:
        return command.main([*flags, "--cache", "none"])
    finally:
        EXECUTORS["local"] = before


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
