"""Where rules are measured: in this process, or in one process per core.

An executor is a callable: rules -> iterator of `Evaluation`s, each as soon as it is there. Every rule is trained with
the same seeds, so neither the number of workers nor their order changes a reward.
"""

import concurrent.futures
import functools
import multiprocessing
import os
import signal
import threading

import tensorflow as tf

from neural_optimizer_search.evaluation.evaluator import Evaluator

# One thread a worker and one worker a core: the children are too small for more threads to help. oneDNN's kernels
# halve the time of a child step, and whether they are TensorFlow's default depends on the processor.
WORKER_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "OMP_NUM_THREADS": "1",
}

_make_evaluator = None  # the worker process's own


def in_process(evaluate):
    """Makes an executor of an `Evaluator`, for tests and notebooks."""
    return lambda rules: map(evaluate, rules)


class ProcessExecutor:
    """Measures rules in worker processes.

    Args:
      task, protocol, data_dir: As for `Evaluator`; the task and the protocol must pickle.
      workers: Number of processes; default one per core.

    Use it as a context manager: leaving the context ends the workers.
    """

    def __init__(self, task, protocol, data_dir=None, workers=None):
        # Read when a worker imports TensorFlow; processes start at the first rule.
        os.environ.update({k: v for k, v in WORKER_ENVIRONMENT.items() if k not in os.environ})
        self.workers = workers or os.cpu_count()
        self._pool = concurrent.futures.ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(task, protocol, data_dir),
        )

    def __call__(self, rules):
        futures = [self._pool.submit(_work, rule) for rule in rules]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # Nothing waits for children whose result nobody will read.
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        self._pool.shutdown(wait=True)


def start_worker():
    """Called first in a worker process: it has one thread, leaves Ctrl-C to its parent, and ends when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _start_worker(task, protocol, data_dir):
    global _make_evaluator
    start_worker()
    _make_evaluator = functools.lru_cache(lambda: Evaluator(task, protocol, data_dir))


def _end_with_parent():
    """A worker whose parent was killed would go on, or wait for work forever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _work(rule):
    # Made at the first rule and not at the start, so that an error of the task reaches the caller as it is.
    return _make_evaluator()(rule)
