"""One search whose children sleep: the efficiency of its workers, and its cost in the parent."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Optional

from benchmarks.studies.scaling.modes import MODES
from neural_optimizer_search import Rule
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.executor import MEASURE, Ask
from tf_agents_env.controller_config import CONTROLLERS
from tf_agents_env.controllers import Controller

SPACE = search_space("arxiv2017_no_decay", 2)
_A_RULE = Rule((("g", "1", "identity", "identity", "left"),))  # an evaluation needs one


def write_sleep(began: float, ended: float) -> Evaluation:
    """A sleep as the answer of a worker, with the times of its begin and end in place of the rewards."""
    return Evaluation(_A_RULE, 0.0, "ok", "Slept.", None, 0.0, (began, ended), (), 0.0)


class Asked(NamedTuple):
    """The search to measure.

    Attributes:
      workers: Number of its workers.
      mode: One of `MODES`.
      repeat: Seed of the controller.
    """

    workers: int
    mode: str
    repeat: int = 0


class Sleeper:
    """An executor: each rule takes a time drawn from measured ones, which is always the same for a rule.

    Args:
      pool: Has `submit(seconds) -> concurrent.futures.Future` of what `write_sleep` gives.
      durations: Seconds from which the times of rules are drawn.

    Attributes:
      slept: (begin, end) of each sleep.
    """

    def __init__(self, pool: Any, durations: Sequence[float]):
        self._pool, self._durations = pool, durations
        self.longest_work = None
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


class Timed(Algorithm):
    """Wraps an algorithm, and measures its processor time.

    Args:
      algorithm: The `Algorithm`.
      read_clock: Returns the processor time so far.

    Attributes:
      spent: Seconds of `propose`, `learn` and `save` together.
    """

    def __init__(self, algorithm: Algorithm, read_clock: Callable[[], float]):
        self._algorithm, self._read_clock = algorithm, read_clock
        self.spent = 0.0

    def propose(self, number: int) -> Optional[Proposal]:
        with self._counting():
            return self._algorithm.propose(number)

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        with self._counting():
            self._algorithm.learn(proposal, evaluations)

    def restore(self) -> int:
        return self._algorithm.restore()

    def save(self) -> None:
        with self._counting():
            self._algorithm.save()

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        began = self._read_clock()
        yield
        self.spent += self._read_clock() - began


def time_search(
    sleeper: Sleeper,
    asked: Asked,
    longest: float,
    seconds: float,
    make_recorder: Callable[..., EvaluationRecorder] = EvaluationRecorder,
    clock: Any = time,
) -> dict[str, float]:
    """The figures of one search with started workers, over steps that take at least `seconds` together.

    Args:
      sleeper: The executor.
      asked: The search to measure.
      longest: Seconds of the longest sleep.
      seconds: Minimum seconds of the measurement.
      make_recorder: Makes an `EvaluationRecorder` from an executor and a ledger.
      clock: Has `time`, `sleep` and `process_time`, like the module `time`.
    """
    batch, ahead, pipeline = MODES[asked.mode](asked.workers)
    config = dataclasses.replace(CONTROLLERS["ppo"]["fast"], batch_size=batch)
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ledger = stack.enter_context(contextlib.closing(Ledger(scratch / LEDGER, {})))
        algorithm = Timed(Controller(SPACE, config, asked.repeat, scratch / "controller"), clock.process_time)
        recorder = make_recorder(sleeper, ledger)
        steps = search(algorithm, recorder, ledger, Limits(), ahead, pipeline=pipeline)
        # Workers may run out of rules while the first step traces the controller, so only later proposals count.
        first = last = next(step for step in steps if not ahead or step.number > step.staleness)
        before, staleness = _read(clock, algorithm), []
        while clock.time() < before[0] + seconds or not staleness:
            last = next(steps)
            staleness.append(last.staleness)
        after = _read(clock, algorithm)
        if ahead or pipeline:
            clock.sleep(longest)  # lets the sleeps in progress end, a part of which counts
    rules = last.trained - first.trained
    taken, processor, of_algorithm = (end - begin for begin, end in zip(before, after))
    return dict(
        efficiency=count_seconds(sleeper.slept, before[0], after[0]) / asked.workers / taken,
        rules_per_hour=3600 * rules / taken,
        seconds=taken,
        algorithm_ms_per_rule=1000 * of_algorithm / rules,
        other_ms_per_rule=1000 * (processor - of_algorithm) / rules,
        staleness=statistics.mean(staleness),
    )


def _read(clock, algorithm):
    return clock.time(), clock.process_time(), algorithm.spent


def count_seconds(slept: Iterable[tuple[float, float]], began: float, ended: float) -> float:
    """The total seconds of all sleeps between two times."""
    return sum(max(0.0, min(end, ended) - max(start, began)) for start, end in slept)
