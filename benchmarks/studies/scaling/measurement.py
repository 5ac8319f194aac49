"""One search whose children sleep: how much of their time its workers sleep, and how much they could."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import heapq
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from neural_optimizer_search import Rule
from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.command import RULES_PER_WORKER
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.executor import MEASURE, Ask
from neural_optimizer_search.workers.pool import WorkerPool
from tf_agents_env.controllers import CONTROLLERS, Controller

SPACE = search_space("arxiv2017_no_decay", 2)
# Mode -> (rules a proposal, rules to keep in work or waiting), by the number of workers.
MODES = {
    "synchronous, batch 10": lambda workers: (10, 0),
    **{f"synchronous, batch {n} x workers": lambda workers, n=n: (n * workers, 0) for n in (4, 16, 32, 64)},
    "asynchronous, batch 10": lambda workers: (10, RULES_PER_WORKER * workers),
}


def write_sleep(began: float, ended: float) -> Evaluation:
    """A sleep as what a worker answers: when it began and when it ended stand where the rewards do."""
    rule = Rule((("g", "1", "identity", "identity", "left"),))
    return Evaluation(rule, 0.0, "ok", "Slept.", None, 0.0, (began, ended), (), 0.0)


class Sleeper:
    """An executor: each rule takes a time drawn from the measured ones, the same whenever it is asked for.

    Args:
      pool: Has `submit(seconds) -> concurrent.futures.Future` of what `write_sleep` gives.
      durations: Seconds, which rules draw from.

    Attributes:
      slept: (when it began, when it ended) of each sleep.
    """

    def __init__(self, pool: Any, durations: Sequence[float]):
        self._pool, self._durations = pool, durations
        self.slept = []

    def submit(self, rule: Rule, ask: Ask = MEASURE) -> concurrent.futures.Future:
        """A future of the rule's `Evaluation`, whose reward is made up."""
        number = int(hashlib.sha1(rule.canonical().encode()).hexdigest()[:12], 16)
        future, done = self._pool.submit(self._durations[number % len(self._durations)]), concurrent.futures.Future()
        future.add_done_callback(lambda _: self._end(rule, number / 16**12, future, done))
        return done

    def _end(self, rule, reward, future, done):
        try:
            began, ended = future.result().rewards
        except Exception as error:
            done.set_exception(error)
            return
        self.slept.append((began, ended))
        done.set_result(Evaluation(rule, reward, "ok", "Slept.", 0.1, reward, (reward,), (), ended - began))


def measure(
    make_worker: Callable[[], Any], workers: int, mode: str, durations: Sequence[float], seconds: float, seed: int
) -> dict[str, float]:
    """What one search took, in steps of at least so many seconds together.

    Args:
      make_worker: Makes a `Worker` that sleeps.
      workers: Their number.
      mode: One of `MODES`.
      durations: Seconds that children take.
      seconds: Seconds of the measurement, at least.
      seed: Seed of the controller.
    """
    with WorkerPool([make_worker() for _ in range(workers)]) as pool:
        list(pool([0.01] * 20 * workers))  # starts every worker
        return time_search(Sleeper(pool, durations), workers, mode, max(durations), seconds, seed)


def time_search(
    sleeper: Sleeper,
    workers: int,
    mode: str,
    longest: float,
    seconds: float,
    seed: int,
    make_recorder: Callable[..., EvaluationRecorder] = EvaluationRecorder,
    clock: Any = time,
) -> dict[str, float]:
    """What one search took with workers that are started.

    Args:
      sleeper: The executor.
      workers: Number of its workers.
      mode: One of `MODES`.
      longest: Seconds of the longest sleep.
      seconds: Seconds of the measurement, at least.
      seed: Seed of the controller.
      make_recorder: Makes an `EvaluationRecorder` of an executor and a ledger.
      clock: Has `time` and `sleep`, as the module `time`.
    """
    batch, ahead = MODES[mode](workers)
    config = dataclasses.replace(CONTROLLERS["ppo"]["fast"], batch_size=batch)
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ledger = stack.enter_context(contextlib.closing(Ledger(scratch / "ledger.sqlite", {})))
        controller = Controller(SPACE, config, seed, scratch / "controller")
        steps = search(controller, make_recorder(sleeper, ledger), ledger, Limits(), ahead)
        first = last = next(steps)  # traces the controller
        began, processor, staleness = clock.time(), time.process_time(), []
        while clock.time() < began + seconds or not staleness:
            last = next(steps)
            staleness.append(last.staleness)
        ended, processor = clock.time(), time.process_time() - processor
        if ahead:
            clock.sleep(longest)  # those in work have slept a part of it
    rules = last.trained - first.trained
    return dict(
        efficiency=count_seconds(sleeper.slept, began, ended) / workers / (ended - began),
        rules_per_hour=3600 * rules / (ended - began),
        seconds=ended - began,
        processor_ms_per_rule=1000 * processor / rules,
        staleness=statistics.mean(staleness),
    )


def count_seconds(slept: Iterable[tuple[float, float]], began: float, ended: float) -> float:
    """The seconds of all sleeps together that lie between two times."""
    return sum(max(0.0, min(end, ended) - max(start, began)) for start, end in slept)


def compute_limit(durations: Sequence[float], workers: int, mode: str, batches: int = 100) -> float:
    """The efficiency if a free worker had the next rule at once, and a batch the next batch."""
    batch, ahead = MODES[mode](workers)
    if ahead:
        return 1.0
    rng, busy, spent = np.random.default_rng(0), 0.0, 0.0
    for _ in range(batches):
        free = [0.0] * workers  # when each worker is
        for seconds in rng.choice(durations, batch):
            heapq.heapreplace(free, free[0] + seconds)
            busy += seconds
        spent += max(free)
    return busy / workers / spent
