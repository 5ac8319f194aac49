"""`nos-search` with workers that are processes and make rewards up; for `test_train_stopped`."""

import sys
import time

import fakes

from neural_optimizer_search.search import command
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.describing import Describer
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.process_workers import ProcessWorker


def evaluate(rule):
    time.sleep(0.02)
    return fakes.fake_evaluation(rule)


def make_evaluator():
    return fakes.FakeEvaluator(evaluate)


def open_workers(config, task, protocol, data_dir):
    return WorkerPool([ProcessWorker(make_evaluator) for _ in range(config.workers)])


if __name__ == "__main__":
    EXECUTORS["local"] = open_workers
    Describer.__call__ = fakes.describe_nothing
    sys.exit(command.main(sys.argv[1:]))
