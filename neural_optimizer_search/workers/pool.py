"""An executor of workers that may fail: the queue, the retries and the time limit."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation, without_reward
from neural_optimizer_search.workers.executor import Executor, TaskFailed
from neural_optimizer_search.workers.worker import Answer, Failed, Measured, Ready, Unmeasurable, Worker

# So many rules that failed, and none that was measured: it is the task.
HOPELESS = 3
# A worker that so often in a row does not start is given up.
STARTS = 3


class _Job(NamedTuple):
    rule: Rule
    future: "concurrent.futures.Future[Evaluation]"
    failures: list


class WorkerPool(Executor):
    """Measures rules with workers that may fail.

    A rule with which a worker fails is tried once more, by whichever worker is free; then its evaluation has the
    failure's status and the reward 0. A worker that did more than raise an error is started anew. That a worker does
    not start is no rule's fault: after `STARTS` vain starts the others go on without it.

    Args:
      make_worker: Makes a `Worker`. Workers start with the first rule.
      workers: Their number.
    """

    def __init__(self, make_worker: Callable[[], Worker], workers: int):
        self.workers = workers
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._any_measured, self._failures, self._end = False, [], None
        self._crew = [make_worker() for _ in range(workers)]
        self._serving, self._last_vain_start = workers, ""
        # A thread for each worker waits for it.
        self._threads = [threading.Thread(target=self._serve, args=[worker], daemon=True) for worker in self._crew]
        for thread in self._threads:
            thread.start()

    def submit(self, rule: Rule) -> "concurrent.futures.Future[Evaluation]":
        """A future of the rule's evaluation; it raises `TaskFailed` if all rules fail."""
        job = _Job(rule, concurrent.futures.Future(), [])
        if self._end:
            job.future.set_exception(self._end)
        else:
            self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Ends the workers. Nothing waits for children whose result nobody will read."""
        self._end = TaskFailed("The workers were stopped.")
        for _ in self._crew:
            self._jobs.put(None)
        for worker, thread in zip(self._crew, self._threads):
            while thread.is_alive():
                worker.stop()  # again, if it was just starting
                thread.join(0.1)

    # -- What the thread of a worker does --------------------------------------------------------------

    def _serve(self, worker):
        vain_starts = 0
        while (job := self._jobs.get()) is not None:
            try:
                if self._end:
                    job.future.set_exception(self._end)
                elif worker.started:
                    self._settle(worker, job, worker.measure(job.rule, self.timeout))
                else:
                    # Others may do it meanwhile: a worker may wait long for a place on a cluster.
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
        """Whether the worker starts."""
        answer = worker.start()
        if isinstance(answer, Ready):
            return True
        worker.stop()
        if isinstance(answer, Unmeasurable):
            self._end = TaskFailed(answer.message)
        else:
            self._last_vain_start = answer.message
        return False

    def _others_serve(self):
        """Whether other workers go on; if this is the last one, it stays to tell the rules that wait."""
        with self._lock:
            if self._serving > 1:
                self._serving -= 1
                return True
        self._end = self._end or TaskFailed(f"No worker starts. The last one: {self._last_vain_start}")
        return False

    def _settle(self, worker, job, answer: Answer):
        if isinstance(answer, Measured):
            self._any_measured = True
            job.future.set_result(answer.evaluation)
            return
        if answer.status != "failed":
            worker.stop()  # nobody knows in which state it is
        self._give_back(job, answer)

    def _give_back(self, job, failure: Failed):
        """The rule goes back into the queue, or is given up."""
        job.failures.append(failure)
        if len(job.failures) == 1 and not self._end:
            self._jobs.put(job)
            return
        with self._lock:
            self._failures.append(job.failures[0])
            if len(self._failures) >= HOPELESS and not self._any_measured:
                first = self._failures[0].message
                self._end = TaskFailed(f"The task failed for all of the first {HOPELESS} rules. First: {first}")
        if self._end:
            job.future.set_exception(self._end)
        else:
            job.future.set_result(without_reward(job.rule, failure.status, f"{failure.message} Tried twice."))
