"""Trains a model as a task does and as plain Keras does: on the same batches, from the same weights."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from marks import only_long

from neural_optimizer_search import parse_formula
from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.optimizers import RuleOptimizer
from neural_optimizer_search.tasks import KerasTask

TRAIN, VALIDATION = 50, 20
BATCH, OWN_BATCH = 8, 7  # of the task, and of data in batches; the last batch of a validation is smaller
STEPS, VALIDATE_EVERY = 12, 6
TWINS = {"g": tf.keras.optimizers.SGD, "Adam": functools.partial(RuleOptimizer, "Adam")}

# A regression for models that need no data of their own.
X = np.random.default_rng(0).normal(size=(TRAIN + VALIDATION, 3)).astype(np.float32)
Y = X.sum(axis=1)


def mse():
    return dict(loss="mse", metrics=["mae"])


def numbers(*make):
    """A regression of X through layers."""
    return lambda: tf.keras.Sequential([tf.keras.Input((3,)), *(each() for each in make), tf.keras.layers.Dense(1)])


def dense(size=4, **kwargs):
    return lambda: tf.keras.layers.Dense(size, activation="tanh", **kwargs)


@dataclass(frozen=True)
class Replay:
    """A model and its data, for both ways.

    Attributes:
      build: Makes the model, not compiled.
      data: What `fit` takes: (inputs, targets) or (inputs, targets, sample weights), in arrays of TRAIN + VALIDATION.
      compile: Makes the arguments of `compile`, but for the optimizer.
      metric: Of the task; its value is compared with what is called like that in the logs of `evaluate`.
      given: Makes of such arrays what the task gets, if it does not get arrays.
      in_batches: Whether those are batches, of OWN_BATCH; plain Keras then gets a dataset of batches.
      class_weight: For both.
      compiled: Whether the factory returns a compiled model; else the task compiles it with `task`.
      task: More arguments of `KerasTask`.
      clipping: Of the gradients, arguments of the optimizer that the model is compiled with.
      rule: One of `TWINS`.
      rate: Learning rate.
      long: Whether only `make test-long` has it.
    """

    build: Callable[[], tf.keras.Model]
    data: Any
    compile: Callable[[], dict[str, Any]] = dict
    metric: Any = "loss"
    given: Callable[[Any], Any] = lambda data: data
    in_batches: bool = False
    class_weight: Any = None
    compiled: bool = True
    task: Mapping[str, Any] = field(default_factory=dict)
    clipping: Mapping[str, float] = field(default_factory=dict)
    rule: str = "g"
    rate: float = 0.05
    long: bool = False

    def make_task(self, **changes: Any) -> KerasTask:
        """The task, whose factory is what a user would write."""
        arguments = dict(
            model=self.make_compiled if self.compiled else self.build,
            train=self.given(part(self.data, 0, TRAIN)),
            validation=self.given(part(self.data, TRAIN, TRAIN + VALIDATION)),
            metric=self.metric,
            steps=STEPS,
            sizes=dict(batch_size=BATCH, seeds=(0,)),
            class_weight=self.class_weight,
        )
        return KerasTask(**{**arguments, **self.task, **changes})

    def make_compiled(self, optimizer: Callable[..., Any] = tf.keras.optimizers.SGD) -> tf.keras.Model:
        """The model, compiled by Keras."""
        model = self.build()
        model.compile(optimizer(self.rate, **self.clipping), **self.compile())
        return model

    def train_plainly(self, batches: np.ndarray, seed: int) -> list[dict[str, float]]:
        """The logs of `evaluate` after every VALIDATE_EVERY steps of `fit`."""
        with _generators_of_keras_3():
            tf.keras.utils.set_random_seed(seed)
            model = self.make_compiled(TWINS[self.rule])
            validation = part(self.data, TRAIN, TRAIN + VALIDATION)
            logs = []
            for indices in batches.reshape(-1, VALIDATE_EVERY * BATCH):
                train = tf.nest.map_structure(functools.partial(_take, indices), self.data)
                model.fit(**self._arguments(train, BATCH), shuffle=False, verbose=0, class_weight=self.class_weight)
                measured = self._arguments(validation, OWN_BATCH if self.in_batches else BATCH)
                logs.append(model.evaluate(**measured, verbose=0, return_dict=True))
        return logs

    def _arguments(self, data, batch_size):
        if self.in_batches:
            return dict(x=dataset(data, batch_size))
        return dict(zip(("x", "y", "sample_weight"), data), batch_size=batch_size)


def each(replays: Mapping[str, Replay]) -> Any:
    """Runs a test with the name of each replay."""
    long = only_long("One more model of a kind of which another is trained.")
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=[long] if replay.long else []) for name, replay in replays.items()]
    )


def check(replay: Replay, seed: int = 0) -> None:
    """What the task measures is what plain Keras measures, and again the same in a second run."""
    task = replay.make_task()
    training = ChildTraining(task.child(task.protocols["default"]))
    first = run(training, replay, seed)
    run(training, replay, seed, "m * drop(g, 0.5)")  # leaves other weights behind
    again = run(training, replay, seed)
    assert training.traces == 1
    np.testing.assert_array_equal(again.losses, first.losses)
    np.testing.assert_array_equal(again.metrics, first.metrics)
    logs = replay.train_plainly(batches(training, seed), seed)
    assert first.finite
    name = _logged(replay.metric, logs[0])
    if "loss" in logs[0]:  # Keras 2 tells none that a `compute_loss` of the model's own computes
        np.testing.assert_allclose(first.losses, [log["loss"] for log in logs], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(first.metrics, [log[name] for log in logs], rtol=1e-5, atol=1e-7)


def run(training: ChildTraining, replay: Replay, seed: int = 0, rule: str = "") -> Any:
    """A `TrainingRun` with the replay's rule, or another."""
    return training(parse_formula(rule or replay.rule), RunPlan(replay.rate, seed, STEPS, VALIDATE_EVERY))


def batches(training: ChildTraining, seed: int) -> np.ndarray:
    """The examples of each step, `[STEPS, BATCH]`."""
    return training._batches(tf.constant(seed, tf.int64), tf.constant(STEPS, tf.int64)).numpy()[:STEPS]


def part(data: Any, start: int, stop: int) -> Any:
    """Some of the examples."""
    return tf.nest.map_structure(lambda array: array[start:stop], data)


def dataset(data: Any, batch_size: int = OWN_BATCH) -> tf.data.Dataset:
    """Batches; for training the task's `batch_size` counts."""
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size)


def _take(indices, array):
    return tf.gather(array, indices) if tf.is_tensor(array) else array[indices]


def _logged(metric, log):
    """What Keras calls the metric: to the name of a second object it adds a number."""
    name = metric if isinstance(metric, str) else getattr(metric, "name", None) or metric.__name__
    (found,) = (key for key in log if key == name or key.rstrip("0123456789") == f"{name}_")
    return found


@contextlib.contextmanager
def _generators_of_keras_3():
    """Without them Keras 2 draws what depends on all that was drawn before."""
    if KERAS_3:
        yield
        return
    switch = tf.keras.backend.experimental
    before = switch.is_tf_random_generator_enabled()
    switch.enable_tf_random_generator()
    yield
    if not before:
        switch.disable_tf_random_generator()
