"""Where rules are measured: in this process, in one process per core, or on a cluster (`ray_workers`).

An executor has `submit(rule) -> concurrent.futures.Future` of an `Evaluation`. Every rule is trained with the same
seeds, so neither the number of workers nor their order changes a reward.
"""

import concurrent.futures
import queue
import threading

from neural_optimizer_search.evaluation.evaluation import without_reward

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


class Failure(Exception):
    """A worker could not measure a rule: `args` are a status, one of `FAILURES`, and a sentence."""


class TaskFailed(Exception):
    """The task fails for every rule."""


class WorkerPool:
    """Measures rules with workers that may fail.

    A rule with which a worker fails is tried once more, by whichever worker is free; then its evaluation has the
    failure's status and the reward 0. A worker that did more than raise an error is started anew.

    Args:
      make_worker: Makes a worker, which starts with its first rule: `worker(rule, seconds) -> Evaluation` may raise
        `Failure`, or `TaskFailed` if no rule can be measured; `stop()` lets the next rule start it anew.
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
        future = concurrent.futures.Future()
        self._jobs.put((rule, future, []))
        return future

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
            rule, future, failures = job
            try:
                if self._end:
                    raise self._end
                result = worker(rule, self.timeout)
                self._any_measured = True
            except Failure as failure:
                if failure.args[0] != "failed":
                    worker.stop()  # nobody knows in which state it is
                failures.append(failure)
                if len(failures) == 1 and not self._end:
                    self._jobs.put(job)
                    continue
                result = self._failed(rule, failures)
            except Exception as error:
                self._end = error
            future.set_exception(self._end) if self._end else future.set_result(result)
        worker.stop()

    def _failed(self, rule, failures):
        status, message = failures[-1].args
        with self._mind:
            self._failures.append(failures[0])
            if len(self._failures) >= HOPELESS and not self._any_measured:
                first = self._failures[0].args[1]
                self._end = TaskFailed(f"The task failed for all of the first {HOPELESS} rules. First: {first}")
        return without_reward(rule, status, f"{message} Tried twice.")
