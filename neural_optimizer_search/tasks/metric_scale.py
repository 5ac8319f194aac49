"""Maps the values of a metric to scores, and tells whether higher values are better."""

import re
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

# Endings of metric names, in lower case, with only letters and digits.
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
    """Maps a metric to a score: (value - worst) / (best - worst), or 0 if that is negative or not a number."""

    best: float
    worst: float

    def __call__(self, value: tf.Tensor) -> tf.Tensor:
        score = (value - self.worst) / (self.best - self.worst)
        return tf.where(tf.math.is_finite(score), tf.maximum(score, 0.0), 0.0)


def higher_is_better(metric: Any) -> Optional[bool]:
    """Whether higher values of a metric (a name, a function or an object of Keras) are better.

    A dict with one output's metric counts as that metric.

    Returns:
      None if its name does not tell.
    """
    while isinstance(metric, (dict, list, tuple)) and len(metric) == 1:
        metric = next(iter(metric.values() if isinstance(metric, dict) else metric))
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
    name = re.sub("[^a-z0-9]", "", without_number(name).lower())
    if name.endswith(HIGHER_IS_BETTER):
        return True
    return False if name.endswith(LOWER_IS_BETTER) else None


def without_number(name: str) -> str:
    """The name of a metric without the number that Keras gives to a second one: "auc" for "auc_1"."""
    return re.sub(r"_\d+$", "", name)
