"""What a worker does, and workers that are processes of this machine."""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import signal
import socket
import threading
import traceback

import tensorflow as tf

from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.workers.pool import Failure, TaskFailed, WorkerPool

# One thread a worker and one worker a core: the children are too small for more threads to help. oneDNN's kernels
# halve the time of a child step, and whether they are TensorFlow's default depends on the processor.
WORKER_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "OMP_NUM_THREADS": "1",
}
# To import TensorFlow, read data and trace: a noisy machine or a large download takes its time.
START_SECONDS = 3600.0
NOTHING = "nothing can be measured"  # what a worker answers in place of a failure's status


class Measuring:
    """What a worker does, wherever it is. An error is told in words: its class may be one that only the worker knows.

    Args:
      make: Called without arguments, returns rule -> `Evaluation`.
    """

    def __init__(self, make):
        self._make, self._evaluate = make, None
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def ready(self):
        """Makes ready for rules; returns None, or (`NOTHING`, a sentence)."""
        try:
            self._evaluate = self._make()
        except (FileNotFoundError, UnknownTask) as error:
            return NOTHING, str(error)
        except Exception as error:
            return NOTHING, _told(error)

    def measure(self, rule):
        """An `Evaluation`, or (one of `FAILURES`, a sentence)."""
        try:
            return dataclasses.replace(self._evaluate(rule), worker=self._name)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            return "out of memory", _told(error)
        except Exception as error:
            return "failed", _told(error)


def _told(error):
    """One line: what was raised, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''} ({os.path.basename(place.filename)}:{place.lineno})"


def understood(answer):
    """Raises what an answer of `Measuring` says is wrong, or returns it."""
    if not isinstance(answer, tuple):
        return answer
    status, sentence = answer
    raise TaskFailed(sentence) if status == NOTHING else Failure(status, sentence)


class ProcessWorker:
    """A worker in a process of its own; see `WorkerPool`.

    Args:
      make: As for `Measuring`; it must pickle.
    """

    def __init__(self, make):
        self._make, self._process, self._pipe = make, None, None

    @property
    def started(self):
        return self._process is not None

    def start(self):
        self._process = self._new_process()
        understood(self._answer(START_SECONDS))

    def __call__(self, rule, seconds):
        with contextlib.suppress(OSError):  # the process ended; so says the answer
            self._pipe.send(rule)
        return understood(self._answer(seconds))

    def _answer(self, seconds):
        process = self._process
        try:
            if self._pipe.poll(seconds):
                return self._pipe.recv()
        except (EOFError, OSError):
            return "killed", f"Its process ended{'' if process is None else _exit_code(process)}."
        return "timeout", f"It took longer than {seconds:.0f} seconds."

    def stop(self):
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()

    def _new_process(self):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        process.start()
        theirs.close()  # so that its end is seen here
        return process


class ProcessExecutor(WorkerPool):
    """Measures rules in processes of this machine.

    Args:
      task, protocol, data_dir: As for `Evaluator`; the task and the protocol must pickle.
      workers: Number of processes; default one per core.
    """

    def __init__(self, task, protocol, data_dir=None, workers=None):
        # Read when a worker imports TensorFlow; processes start at the first rule.
        os.environ.update({k: v for k, v in WORKER_ENVIRONMENT.items() if k not in os.environ})
        make = functools.partial(evaluator, task, protocol, data_dir)
        super().__init__(lambda: ProcessWorker(make), workers or os.cpu_count())


def evaluator(task, protocol, data_dir):
    """An `Evaluator` that computes in one thread of this process."""
    one_thread()
    return Evaluator(task, protocol, data_dir)


def one_thread():
    """TensorFlow computes in one thread of this process."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def start_worker():
    """Called first in a worker process: it has one thread, leaves Ctrl-C to its parent, and ends when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread()


def _end_with_parent():
    """A worker whose parent was killed would go on, or wait for work forever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _exit_code(process):
    process.join()
    return f" with exit code {process.exitcode}"


def _serve(pipe, make):
    start_worker()
    measuring = Measuring(make)
    pipe.send(measuring.ready())
    while True:
        pipe.send(measuring.measure(pipe.recv()))
