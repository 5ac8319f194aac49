"""An executor whose workers may fail: the queue, the retries and the time limits."""

import concurrent.futures
import contextlib
import math
import numbers
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation, without_reward
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.tasks.shared_data import remove_unused
from neural_optimizer_search.workers.executor import (
    LONGEST_TIMEOUT,
    MEASURE,
    Ask,
    Executor,
    Failure,
    TaskFailed,
    Work,
)
from neural_optimizer_search.workers.worker import Failed, Measured, Ready, Unmeasurable, Worker

# After this many failed rules without a measured one, the task is at fault.
HOPELESS = 3
# A worker that fails to start this many times in a row is given up.
STARTS = 3
# What a worker is doing until it can measure a rule, and before, as long as it waits for a place.
STARTING = "a worker has been starting"
WITHOUT_PLACE = "a worker has been waiting for a free place on the cluster"


class _Job(NamedTuple):
    rule: Rule
    ask: Ask
    future: "concurrent.futures.Future[Any]"
    failures: list


class WorkerPool(Executor):
    """Measures rules with workers that may fail.

    If a worker fails on a rule, the rule is tried once more, by whichever worker is free. If that fails too, its
    evaluation has the failure's status and the reward 0. A worker that did worse than raise an error is restarted. If
    a worker does not start, no rule is at fault: after `STARTS` failed starts, the others continue without it.

    Args:
      crew: The `Worker`s. They start with the first rules.
      title: The workers, in words; by default their number.
    """

    def __init__(self, crew: Sequence[Worker], title: str = ""):
        self.workers, self._crew = len(crew), list(crew)
        self.title = title or count_of(self.workers, "worker")
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._any_measured, self._failures, self._end = False, [], None
        self._under_way = {}  # id of a worker -> (worker, what, when it began, limit)
        self._serving, self._last_vain_start = len(crew), ""
        # A thread for each worker waits for it.
        self._threads = [threading.Thread(target=self._serve, args=[worker], daemon=True) for worker in self._crew]
        for thread in self._threads:
            thread.start()

    @property
    def longest_work(self) -> Optional[Work]:
        """The start or the rule that has been in progress for longest."""
        now = time.monotonic()
        works = [
            Work(WITHOUT_PLACE if worker.needs_place else what, now - begun, limit, what == STARTING, worker.progress)
            for worker, what, begun, limit in list(self._under_way.values())
        ]
        return max(works, key=lambda work: work.seconds, default=None)

    def submit(self, rule: Rule, ask: Ask = MEASURE) -> "concurrent.futures.Future[Any]":
        """A future of the rule's evaluation, or of another request; it raises `TaskFailed` if all rules fail."""
        job = _Job(rule, ask, concurrent.futures.Future(), [])
        if self._end:
            job.future.set_exception(self._end)
        else:
            self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Ends the workers, without waiting for trainings whose results nobody will read."""
        self._end = TaskFailed("The workers were stopped.")
        for _ in self._crew:
            self._jobs.put(None)
        for worker, thread in zip(self._crew, self._threads):
            while thread.is_alive():
                worker.stop()  # again, if it was just starting
                thread.join(0.1)
        remove_unused()

    # -- What the thread of a worker does --------------------------------------------------------------

    def _serve(self, worker):
        vain_starts = 0
        while (job := self._jobs.get()) is not None:
            try:
                if self._end:
                    job.future.set_exception(self._end)
                elif worker.started:
                    self._measure(worker, job)
                else:
                    # Others may do the job meanwhile: this worker may wait long for a place on a cluster.
                    self._jobs.put(job)
                    job = None
                    vain_starts = 0 if self._start(worker) else vain_starts + 1
                    if vain_starts == STARTS and self._others_serve():
                        break
            except Exception as error:
                self._end = error
                if job is not None:
                    job.future.set_exception(error)
        worker.stop()

    def _start(self, worker):
        """Starts a worker; returns whether it has started."""
        limit = self.start_timeout
        with self._timed(worker, STARTING, limit):
            answer = worker.start(limit)
        if isinstance(answer, Ready):
            return True
        worker.stop()
        if not isinstance(answer, (Failed, Unmeasurable)):
            answer = _no_answer(answer)
        self._tell_failure("", answer)
        if isinstance(answer, Unmeasurable):
            self._end = TaskFailed(answer.message, answer.traceback)
        else:
            self._last_vain_start = _advise(answer.message, answer)
        return False

    def _others_serve(self):
        """Whether other workers continue; if this is the last one, it stays to fail the rules that wait."""
        with self._lock:
            if self._serving > 1:
                self._serving -= 1
                return True
        self._end = self._end or TaskFailed(f"No worker starts. The last one: {self._last_vain_start}")
        return False

    def _measure(self, worker, job):
        limit = min(LONGEST_TIMEOUT, self.timeout * job.ask.patience)
        with self._timed(worker, "one rule has been running", limit):
            answer = _check(worker.measure(job.rule, limit, job.ask), job.ask)
        if isinstance(answer, Measured):
            self._any_measured |= job.ask.measures
            job.future.set_result(answer.evaluation)
            return
        if isinstance(answer, Unmeasurable):
            self._tell_failure(job.rule.formula(), answer)
            self._end = TaskFailed(answer.message, answer.traceback)
            job.future.set_exception(self._end)
            return
        if answer.status != "failed":
            worker.stop()  # its state is unknown
        self._give_back(job, answer)

    def _give_back(self, job, failure: Failed):
        """Puts the rule back into the queue, or gives it up."""
        self._tell_failure(job.rule.formula(), failure)
        job.failures.append(failure)
        if len(job.failures) == 1 and not self._end:
            self._jobs.put(job)
            return
        with self._lock:
            self._failures.append((job.rule, job.failures[0]))
            if len(self._failures) >= HOPELESS and not self._any_measured:
                rule, first = self._failures[0]
                told = f"First, {shorten(rule.formula())}: {first.message}"
                message = _advise(f"The task failed for all of the first {HOPELESS} rules. {told}", first)
                self._end = TaskFailed(message, first.traceback)
        if self._end:
            job.future.set_exception(self._end)
        else:
            job.future.set_result(without_reward(job.rule, failure.status, f"{failure.message} Tried twice."))

    def _tell_failure(self, formula, failure):
        with self._lock:
            self.on_failure(Failure(formula, failure.message, failure.traceback))

    @contextlib.contextmanager
    def _timed(self, worker, what, limit):
        self._under_way[id(worker)] = worker, what, time.monotonic(), limit
        try:
            yield
        finally:
            del self._under_way[id(worker)]


def _advise(message, failure):
    return f"{message} Give a longer --timeout." if failure.status == "timeout" else message


def _check(answer, ask):
    """The answer to a rule if it is valid, otherwise a failure: a worker runs the user's code."""
    is_measured = isinstance(answer, Measured)
    if is_measured and ask.method != MEASURE.method and not isinstance(answer.evaluation, Evaluation):
        return answer  # to another request
    if is_measured:
        reward = answer.evaluation.reward
        if isinstance(reward, numbers.Real) and math.isfinite(reward):
            return answer
        return Failed("failed", f"The reward must be a finite number. Received: {reward!s:.60}.")
    is_answer = isinstance(answer, Unmeasurable) or (isinstance(answer, Failed) and answer.status in FAILURES)
    return answer if is_answer else _no_answer(answer)


def _no_answer(answer):
    return Failed("killed", f"The worker's answer is invalid: {type(answer).__name__}.")
