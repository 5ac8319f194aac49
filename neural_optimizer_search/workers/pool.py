"""Where rules are measured: in this process, in one process per core, or on a cluster (`ray_workers`).

An executor has `submit(rule) -> concurrent.futures.Future` of an `Evaluation`. Every rule is trained with the same
seeds, so neither the number of workers nor their order changes a reward.
"""

import concurrent.futures
import queue
import threading
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import without_reward

# Seconds for a rule until `timeout` is set to what suits the task.
FIRST_TIMEOUT = 3600.0
# So many rules that failed, and none that was measured: it is the task.
HOPELESS = 3


class InProcess:
    """Measures rules with an `Evaluator` in this process, for tests and notebooks; its errors reach the caller."""

    def __init__(self, evaluate):
        self._evaluate = evaluate

    def submit(self, rule):
        future = concurrent.futures.Future()
        future.set_result(self._evaluate(rule))
        return future


class _Job(NamedTuple):
    rule: Rule
    future: concurrent.futures.Future
    failures: list


class Failure(Exception):
    """A worker could not measure a rule: `args` are a status, one of `FAILURES`, and a sentence."""


class TaskFailed(Exception):
    """The task fails for every rule."""


class WorkerPool:
    """Measures rules with workers that may fail.

    A rule with which a worker fails is tried once more, by whichever worker is free; then its evaluation has the
    failure's status and the reward 0. A worker that did more than raise an error is started anew.

    Args:
      make_worker: Makes a worker: `start()`, and then `worker(rule, seconds) -> Evaluation`, which may both raise
        `Failure`, or `TaskFailed` if no rule can be measured; `started`; and `stop()`, after which it can start anew.
        Workers start with the first rule.
      workers: Their number.

    Attributes:
      workers: Their number.
      timeout: Seconds that a rule may take.

    Use it as a context manager: leaving the context ends the workers.
    """

    def __init__(self, make_worker, workers):
        self.workers, self.timeout = workers, FIRST_TIMEOUT
        self._jobs = queue.SimpleQueue()
        self._mind = threading.Lock()
        self._any_measured, self._failures, self._end = False, [], None
        self._crew = [make_worker() for _ in range(workers)]
        # A thread for each worker waits for it.
        self._threads = [threading.Thread(target=self._serve, args=[worker], daemon=True) for worker in self._crew]
        for thread in self._threads:
            thread.start()

    def submit(self, rule):
        """A `concurrent.futures.Future` of the rule's evaluation; it raises `TaskFailed` if all rules fail."""
        job = _Job(rule, concurrent.futures.Future(), [])
        self._jobs.put(job)
        return job.future

    def __call__(self, rules):
        """Yields the evaluation of each rule as soon as it is there."""
        for future in concurrent.futures.as_completed([self.submit(rule) for rule in rules]):
            yield future.result()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # Nothing waits for children whose result nobody will read.
        self._end = TaskFailed("The workers were stopped.")
        for _ in self._crew:
            self._jobs.put(None)
        for worker, thread in zip(self._crew, self._threads):
            while thread.is_alive():
                worker.stop()  # again, if it was just starting
                thread.join(0.1)

    def _serve(self, worker):
        while job := self._jobs.get():
            try:
                if self._end:
                    raise self._end
                if not worker.started:
                    # Others may do it meanwhile: a worker may wait long for a place on a cluster.
                    self._jobs.put(job)
                    job = None
                    worker.start()
                    continue
                result = worker(job.rule, self.timeout)
                self._any_measured = True
                job.future.set_result(result)
            except Failure as failure:
                if failure.args[0] != "failed":
                    worker.stop()  # nobody knows in which state it is
                job = job or self._jobs.get()
                if job is None:
                    break
                self._failed(job, failure)
            except Exception as error:
                self._end = error
                if job:
                    job.future.set_exception(error)
        worker.stop()

    def _failed(self, job, failure):
        """The rule goes back into the queue, or is given up."""
        job.failures.append(failure)
        if len(job.failures) == 1 and not self._end:
            self._jobs.put(job)
            return
        with self._mind:
            self._failures.append(job.failures[0])
            if len(self._failures) >= HOPELESS and not self._any_measured:
                first = self._failures[0].args[1]
                self._end = TaskFailed(f"The task failed for all of the first {HOPELESS} rules. First: {first}")
        if self._end:
            job.future.set_exception(self._end)
        else:
            status, message = failure.args
            job.future.set_result(without_reward(job.rule, status, f"{message} Tried twice."))
