"""Losses and metrics of Keras as the `loss` and the `measure` of a `Child`."""

import contextlib
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.tasks.child import length

# How the names of metrics end, in lower case and without what is not a letter or digit.
HIGHER_IS_BETTER = (
    "accuracy", "acc", "auc", "precision", "recall", "sensitivity", "specificity", "f1score", "fbetascore", "iou",
    "r2score",
)  # fmt: skip
LOWER_IS_BETTER = (
    "loss", "error", "mse", "mae", "mape", "msle", "crossentropy", "divergence", "hinge", "logcosh", "poisson",
    "huber",
)  # fmt: skip


@dataclass(frozen=True)
class MetricScale:
    """From a metric to a score: (value - worst) / (best - worst), 0 if that is less or not a number."""

    best: float
    worst: float

    def __call__(self, value: tf.Tensor) -> tf.Tensor:
        score = (value - self.worst) / (self.best - self.worst)
        return tf.where(tf.math.is_finite(score), tf.maximum(score, 0.0), 0.0)


def higher_is_better(metric: Any) -> Optional[bool]:
    """Whether a metric (a name, function or Keras object) is the better the higher; None if its name does not say."""
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
    name = re.sub("[^a-z0-9]", "", name.lower())
    if name.endswith(HIGHER_IS_BETTER):
        return True
    return False if name.endswith(LOWER_IS_BETTER) else None


def mean_loss(loss: Any) -> Callable[[Any, Any], tf.Tensor]:
    """(targets, predictions) -> mean over the batch of a loss of Keras or a function: a float32 scalar.

    Raises:
      ValueError: If there is no such loss.
    """
    try:
        function = tf.keras.losses.get(loss)
    except (ValueError, TypeError):
        function = None
    if not callable(function):
        raise ValueError(
            "Argument `loss` must be a loss of Keras, its name, or a function of (targets, predictions); more than "
            f"one output needs a function. Received: {loss!r}."
        )
    return lambda targets, predictions: _mean(function(*_align(targets, predictions)))


class BatchMetric(typing.Protocol):
    """What of a Keras metric is of use here."""

    def reset_state(self) -> Any:
        """Forgets all batches."""
        ...

    def update_state(self, targets: Any, predictions: Any, /) -> Any:
        """Takes in a batch."""
        ...

    def result(self) -> Any:
        """The value of all batches since the last reset."""
        ...


def keras_metric(metric: Any, loss: Any, targets: Any, predictions: Any) -> BatchMetric:
    """The object that computes a metric batch by batch.

    Args:
      metric: "loss", "accuracy", a metric of Keras or its name, or a function of (targets, predictions).
      loss: A loss of Keras or a function.
      targets, predictions: A batch, from which "accuracy" sees which accuracy is meant.

    Raises:
      ValueError: If there is no such metric.
    """
    if metric == "loss":
        return _MeanOf(mean_loss(loss))
    if metric in ("accuracy", "acc"):
        return _accuracy(loss, targets, predictions)
    found = metric
    if isinstance(metric, str):
        # Keras 2 gives some names back, Keras 3 raises an error.
        with contextlib.suppress(ValueError, TypeError):
            found = tf.keras.metrics.get(metric)
    if isinstance(found, tf.keras.metrics.Metric):
        return found
    if not callable(found):
        raise ValueError(
            'Argument `metric` must be "loss", "accuracy", a metric of Keras, its name such as "mae" or "AUC", or a '
            f"function of (targets, predictions). Received: {metric!r}."
        )
    return _MeanOf(lambda targets, predictions: _mean(found(*_align(targets, predictions))))


def measurement(
    metric: BatchMetric, loss: Callable[[Any, Any], tf.Tensor]
) -> Callable[[Iterable[tuple[Any, Any]]], tuple[tf.Tensor, Any]]:
    """Batches of (targets, predictions) -> (metric, mean loss) of all their examples.

    Args:
      metric, loss: What `keras_metric` and `mean_loss` gave.
    """

    def measure(batches):
        metric.reset_state()
        total, examples = 0.0, 0
        for targets, predictions in batches:
            metric.update_state(*_align(targets, predictions))
            total += length(targets) * loss(targets, predictions)
            examples += length(targets)
        return tf.cast(metric.result(), tf.float32), total / examples

    return measure


class _MeanOf:
    """The mean over examples of a function that gives the mean of a batch."""

    def __init__(self, function):
        self._function = function
        self._mean = tf.keras.metrics.Mean()
        self.reset_state, self.result = self._mean.reset_state, self._mean.result

    def update_state(self, targets, predictions):
        self._mean.update_state(self._function(targets, predictions), sample_weight=length(targets))


def _accuracy(loss, targets, predictions):
    """The accuracy that Keras's `compile` would take, but the threshold of one logit is 0."""
    if tf.nest.is_nested(targets) or tf.nest.is_nested(predictions):
        raise ValueError(
            'Argument `metric` must be "loss" or a function of (targets, predictions) for more than one output. '
            'Received: "accuracy".'
        )
    if predictions.shape.rank == 1 or predictions.shape[-1] == 1:
        logits = getattr(loss, "get_config", dict)().get("from_logits", False)
        return tf.keras.metrics.BinaryAccuracy(threshold=0.0 if logits else 0.5)
    if targets.shape.rank == predictions.shape.rank and targets.shape[-1] == predictions.shape[-1]:
        return tf.keras.metrics.CategoricalAccuracy()
    return tf.keras.metrics.SparseCategoricalAccuracy()


def _mean(values):
    return tf.reduce_mean(tf.cast(values, tf.float32))


def _align(targets, predictions):
    """`[n]` beside `[n, 1]` would be broadcast to `[n, n]`: both get the last axis, as in Keras's `fit`."""
    if not (tf.nest.is_nested(targets) or tf.nest.is_nested(predictions)):
        if targets.shape.rank + 1 == predictions.shape.rank and predictions.shape[-1] == 1:
            targets = tf.expand_dims(targets, -1)
        elif predictions.shape.rank + 1 == targets.shape.rank and targets.shape[-1] == 1:
            predictions = tf.expand_dims(predictions, -1)
    return targets, predictions
