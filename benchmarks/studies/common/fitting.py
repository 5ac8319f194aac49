"""A careful user's code: `compile` and `fit` for one of `own_tasks`, with a Keras optimizer."""

import functools
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from benchmarks.studies.common.trainings import find_task
from neural_optimizer_search.tasks.protocol import mean_of_end


class Fitted(NamedTuple):
    """The result of a `fit`.

    Attributes:
      score: Mean of the last third of the scores, as for a child.
      metric: Mean of the last third of the metric's values.
    """

    score: float
    metric: float


def fit(
    task: str,
    optimizer: tf.keras.optimizers.Optimizer,
    seed: int,
    on_test: bool = False,
    report: Callable[[int, float], Any] = lambda validation, score: None,
) -> Fitted:
    """Compiles and fits the task's model with the steps, batch size and validations of a child.

    Args:
      task: "module:task".
      optimizer: An optimizer that knows the rate of each step.
      seed: Seed of the weights, and of the order of the examples.
      on_test: Whether to validate on the test data.
      report: Called with the number and the score of each validation; an exception from it ends the training.
    """
    found = find_task(task, on_test)
    p = found.protocols["default"]
    train, validation, scale = _load(task, on_test)
    tf.keras.utils.set_random_seed(seed)
    model = importlib.import_module(task.partition(":")[0]).model(optimizer)
    metrics, scores = [], []

    def measure(epoch, logs):
        metrics.append(logs[f"val_{found.metric}"])
        scores.append(float(scale(tf.constant(metrics[-1]))))
        report(epoch, scores[-1])

    model.fit(
        train.shuffle(len(train), seed=seed).batch(p.batch_size, drop_remainder=True).repeat().prefetch(1),
        steps_per_epoch=p.validate_every,
        epochs=p.final_steps // p.validate_every,
        validation_data=validation,
        callbacks=[tf.keras.callbacks.LambdaCallback(on_epoch_end=measure)],
        verbose=0,
    )
    return Fitted(mean_of_end(scores), mean_of_end(metrics))


@functools.lru_cache(maxsize=2)
def _load(task, on_test):
    """The training and validation examples, and the child's function from metric to score; read once."""
    found = find_task(task, on_test)
    train, validation = map(tf.data.Dataset.from_tensor_slices, (found.train(), found.validation()))
    validation = validation.batch(found.protocols["default"].validation_batch_size)
    return train.cache(), validation.cache(), found.child(found.protocols["default"]).validate.scale
