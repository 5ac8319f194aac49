"""The ways in which a search can wait for its workers, and how busy each way can keep them."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from neural_optimizer_search.search.loop import STEPS_PER_SAVE
from neural_optimizer_search.search.running import RULES_PER_WORKER


class Mode(NamedTuple):
    """How a search waits.

    Attributes:
      batch: Rules per proposal.
      ahead: Rules to keep in progress or waiting, in whatever order they finish; 0 to learn in order.
      pipeline: Proposals in progress besides the oldest.
    """

    batch: int
    ahead: int = 0
    pipeline: int = 0


# Name -> the `Mode` for a number of workers.
MODES: Mapping[str, Callable[[int], Mode]] = {
    "synchronous, batch 10": lambda workers: Mode(10),
    **{f"synchronous, batch {n} x workers": lambda workers, n=n: Mode(n * workers) for n in (4, 16, 32, 64)},
    "pipelined, batch 4 x workers": lambda workers: Mode(4 * workers, pipeline=1),
    "asynchronous, batch 10": lambda workers: Mode(10, ahead=RULES_PER_WORKER * workers),
}


def compute_limit(durations: Sequence[float], workers: int, mode: str, batches: int = 100) -> float:
    """The efficiency if the next rule and the next batch were always there without delay."""
    batch, ahead, pipeline = MODES[mode](workers)
    if ahead:
        return 1.0
    rng, busy = np.random.default_rng(0), 0.0
    free, ends = [0.0] * workers, [0.0]  # when each worker is free; when the first 0, 1, ... batches are done
    for number in range(batches):
        in_work = pipeline if number % STEPS_PER_SAVE else 0
        proposed, ended = ends[max(0, number - in_work)], ends[-1]
        for seconds in rng.choice(durations, batch):
            end = max(free[0], proposed) + seconds
            heapq.heapreplace(free, end)
            busy, ended = busy + seconds, max(ended, end)
        ends.append(ended)
    return busy / workers / ends[-1]
