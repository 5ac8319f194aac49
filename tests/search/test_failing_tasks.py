"""What is told of an error in a task of somebody's own, by `nos-search` from end to end, with workers in threads."""

import functools
import itertools

import fakes
import pytest
from tiny_searches import TINY

from neural_optimizer_search.search import command
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.executor import MEASURE
from neural_optimizer_search.workers.measuring_worker import MeasuringWorker, make_evaluator
from neural_optimizer_search.workers.placement import Share
from neural_optimizer_search.workers.pool import WorkerPool

pytestmark = pytest.mark.slow
NUMBERS = itertools.count()

MODULE = """
import numpy as np
import tensorflow as tf
from neural_optimizer_search.tasks import KerasTask

def read(batch):
    raise OSError("my data: cannot read shard 7")

class Reading(tf.keras.layers.Layer):
    def call(self, inputs, training=None):
        return tf.ensure_shape(tf.numpy_function(read, [inputs], tf.float32), inputs.shape) if training else inputs

def model(*layers):
    return tf.keras.Sequential([*layers, tf.keras.layers.Dense(1)])

x, y = np.ones([40, 2], np.float32), np.ones([40, 1], np.float32)
data = dict(train=(x, y), validation=(x, y), steps=6, sizes=dict(batch_size=10, seeds=(0,)))
"""
SHARD = "OSError: my data: cannot read shard 7 ({module}.py:7, in read)"
COMPARE = "Compare these shapes and dtypes with what the model and its loss take. The cause: "
BATCH = "inputs (10, 2) float32, targets (10, 1) float32"
TASKS = {
    "the loss raises": (
        "KerasTask(model, **data, loss=lambda targets, predictions: read(targets))",
        f"A validation step failed on a batch of `validation`: {BATCH}. {COMPARE}{SHARD}. "
        "The traceback is in {run}/tracebacks.txt.",
    ),
    "a layer raises at run time": (
        "KerasTask(lambda: model(Reading()), **data, loss='mse')",
        f"A training step failed on a batch of `train`: {BATCH}. {COMPARE}{SHARD}. "
        "The traceback is in {run}/tracebacks.txt.",
    ),
    "no validation data": (
        "KerasTask(model, **{**data, 'validation': (x[:0], y[:0])}, loss='mse')",
        "Argument `validation` must have examples. Received: arrays of 0 examples.",
    ),
    "no training data": (
        "KerasTask(model, **{**data, 'train': (x[:0], y[:0])}, loss='mse')",
        "Argument `train` must have examples. Received: arrays of 0 examples.",
    ),
    "no validation data wanted": (
        "KerasTask(model, **{**data, 'sizes': dict(batch_size=10, validation_examples=0)}, loss='mse')",
        "argument --task: module '{module}' raises ValueError: Argument `validation_examples` must be an int > 0. "
        "Received: 0. ({module}.py:18). For the whole traceback: python -c 'import {module}'",
    ),
    "no file": (
        "KerasTask(model, **{**data, 'train': lambda: open('/there/is/none')}, loss='mse')",
        "FileNotFoundError: No such file or directory: '/there/is/none' ({module}.py:18). "
        "The traceback is in {run}/tracebacks.txt.",
    ),
    "the module raises": (
        "1 / 0",
        "argument --task: module '{module}' raises ZeroDivisionError: division by zero ({module}.py:18). "
        "For the whole traceback: python -c 'import {module}'",
    ),
}


class InThread:
    """A `Worker` in the thread of its pool."""

    progress, needs_place = None, False

    def __init__(self, make):
        self._worker, self.started = MeasuringWorker(make), False

    def start(self, seconds=None):
        self.started = True
        return self._worker.prepare()

    def measure(self, rule, seconds, ask=MEASURE):
        return self._worker.measure(rule, ask)

    def stop(self):
        self.started = False


def open_threads(config, task, protocol, data_dir):
    return WorkerPool([InThread(functools.partial(make_evaluator, task, protocol, data_dir))])


@pytest.fixture
def in_threads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", open_threads)
    monkeypatch.setattr("neural_optimizer_search.workers.describing.ProcessWorker", fakes.DescribesInThread)
    monkeypatch.setattr(Share, "take", lambda self: None)


def write_module(task, directory):
    module = f"their_task_{next(NUMBERS)}"
    (directory / f"{module}.py").write_text(f"{MODULE}task = {task}\n")
    return module


@pytest.mark.parametrize("name", list(TASKS))
def test_their_error_is_told(name, tmp_path, capsys, in_threads):
    task, told = TASKS[name]
    module, run = write_module(task, tmp_path), tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        command.main([*TINY, "--algorithm", "random", "--task", f"{module}:task", "--out", str(run)])
    assert stopped.value.code == 2
    # What Python writes: this process, unlike a worker, may let TensorFlow log on its own.
    error = capsys.readouterr().err
    assert error.splitlines()[-1] == f"nos-search: {told.format(module=module, run=run)}"
    assert "Traceback (most recent call last)" not in error
    path = run / "tracebacks.txt"
    assert path.exists() == ("tracebacks.txt" in told)
    if path.exists():
        text = path.read_text()
        assert text.startswith(("Rule ", "A worker's start: ")) and "Traceback (most recent call last):" in text
        assert told.partition(" (")[0] in text and f'{module}.py", line ' in text


@pytest.mark.parametrize("name", ["a layer raises at run time", "no file", "no training data"])
def test_a_description_shows_the_traceback_that_a_run_would_keep(name, tmp_path, capsys, in_threads):
    task, told = TASKS[name]
    module = write_module(task, tmp_path)
    with pytest.raises(SystemExit) as stopped:
        command.main(["--describe", "--task", f"{module}:task"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    what, keeps, _ = told.format(module=module, run="").partition(". The traceback is in ")
    assert error.splitlines()[-1] == f"nos-search: {what}"
    assert ("Traceback (most recent call last):" in error) == (f'{module}.py", line ' in error) == bool(keeps)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py"] in ([], ["__pycache__"])
