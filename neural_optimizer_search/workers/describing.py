"""Describes a task as a worker would see it, in a process with one thread, whose end frees the memory."""

import contextlib
import functools
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Optional

from neural_optimizer_search.measuring.description import Description, describe_task
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.reading_bar import show_reading
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.workers.executor import FIRST_TIMEOUT, Failure, TaskFailed
from neural_optimizer_search.workers.measuring_worker import THEIRS, explain
from neural_optimizer_search.workers.placement import HIDDEN, Share
from neural_optimizer_search.workers.process_workers import ProcessWorker, begin_worker
from neural_optimizer_search.workers.worker import Failed, Ready, StartAnswer, Unmeasurable


class Describer:
    """Describes tasks, each in a separate process.

    Attributes:
      timeout: Seconds that a description may take; it may be set at any time.
      on_failure: Called with the `Failure` of a task that cannot be described; it must not raise anything. It may
        also be set at any time.
    """

    timeout: float = FIRST_TIMEOUT
    on_failure: Callable[[Failure], None] = staticmethod(lambda failure: None)

    def __call__(self, task: Task, protocol: Protocol, data_dir: Optional[str] = None) -> Description:
        """The `Description` of a task.

        Args:
          task, protocol, data_dir: See `describe_task`; the task and the protocol must pickle.

        Raises:
          TaskFailed: If the task cannot be described; the message says why, such as all that `describe_task` found.
        """
        describe = functools.partial(describe_task, task, protocol, data_dir)
        worker = ProcessWorker(describe, _serve, Share(gpu=HIDDEN))
        try:
            answer = worker.start(self.timeout)
        finally:
            worker.stop()
        if isinstance(answer, Ready) and answer.description:
            return answer.description
        what = "Reading the task's data and training it with Adam (two whole runs and a short one, on one thread)"
        if isinstance(answer, Failed) and answer.status == "timeout":
            raise TaskFailed(f"{what} took longer than {self.timeout:.0f} s. Give a longer --timeout.")
        if isinstance(answer, Failed):  # its process ended
            raise TaskFailed(f"{what} failed. {answer.message}", answer.traceback)
        if isinstance(answer, Unmeasurable):
            self.on_failure(Failure("", answer.message, answer.traceback))
            raise TaskFailed(answer.message, answer.traceback)
        raise TaskFailed(f"The task cannot be described: the answer was {answer!r}.")


def attempt(make: Callable[[], Description]) -> StartAnswer:
    """The answer of a process that describes a task."""
    try:
        return Ready(make())
    except THEIRS as error:
        return explain(error)


def _serve(pipe: Connection, make: Callable[[], Description]) -> None:
    begin_worker()
    show_reading()
    with contextlib.suppress(EOFError, ConnectionError):
        pipe.send(attempt(make))
