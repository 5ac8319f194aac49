"""Workers that are processes of this machine."""

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Optional

from neural_optimizer_search.console import guard_output
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.workers.measuring_worker import (
    WORKER_ENVIRONMENT,
    MeasuringWorker,
    make_evaluator,
    use_one_thread,
)
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.worker import Answer, Failed, StartAnswer

# To import TensorFlow, read data and trace: a noisy machine or a large download takes its time.
START_SECONDS = 3600.0


class ProcessWorker:
    """A `Worker` in a process of its own.

    Args:
      make: As for `MeasuringWorker`; it must pickle.
    """

    def __init__(self, make: Callable[[], Callable[[Rule], Evaluation]]):
        self._make = make
        self._process: Optional[BaseProcess] = None
        self._pipe: Connection  # `start` makes it

    @property
    def started(self) -> bool:
        return self._process is not None

    def start(self) -> StartAnswer:
        self._process = self._new_process()
        return self._answer(START_SECONDS)

    def measure(self, rule: Rule, seconds: float) -> Answer:
        with contextlib.suppress(OSError):  # the process ended; so says the answer
            self._pipe.send(rule)
        return self._answer(seconds)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()

    def _answer(self, seconds):
        process = self._process
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv()
        except (EOFError, OSError):
            return Failed("killed", f"Its process ended{'' if process is None else _exit_code(process)}.")
        return Failed("timeout", f"It took longer than {seconds:.0f} seconds.")

    def _new_process(self):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        process.start()
        theirs.close()  # so that its end is seen here
        return process


def process_executor(
    task: Task, protocol: Protocol, data_dir: Optional[str] = None, workers: Optional[int] = None
) -> WorkerPool:
    """An `Executor` whose workers are processes of this machine.

    Args:
      task, protocol, data_dir: As for `Evaluator`; the task and the protocol must pickle.
      workers: Number of processes; default one per core.
    """
    # Read when a worker imports TensorFlow; processes start at the first rule.
    os.environ.update({k: v for k, v in WORKER_ENVIRONMENT.items() if k not in os.environ})
    make = functools.partial(make_evaluator, task, protocol, data_dir)
    return WorkerPool(lambda: ProcessWorker(make), workers or os.cpu_count() or 1)


def begin_worker() -> None:
    """Called first in a worker process: it has one thread, leaves Ctrl-C to its parent, and ends when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard_output()  # what a user's task prints is no reason for it to fail
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_one_thread()


def _end_with_parent():
    """A worker whose parent was killed would go on, or wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _exit_code(process):
    process.join()
    return f" with exit code {process.exitcode}"


def _serve(pipe, make):
    begin_worker()
    worker = MeasuringWorker(make)
    pipe.send(worker.prepare())
    while True:
        pipe.send(worker.measure(pipe.recv()))
