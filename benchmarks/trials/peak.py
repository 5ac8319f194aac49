"""A second validation metric, measured during training, and the weights at its peak."""

import math
import statistics
from collections.abc import Callable
from typing import Any, Optional

import tensorflow as tf

NEAR = 5  # evaluations around the peak; v2 section 6.4 compares their mean


class PeakWatch(tf.keras.callbacks.Callback):
    """Measures a model after each epoch of `fit`, and keeps the weights of the epoch with the largest value.

    Args:
      measure: Function from the model to a number; larger is better.
      steps: Weight updates per epoch.

    Attributes:
      curve: The values so far, [[step, value], ...].
      best, best_step, weights: The largest value, its step, and the model's weights there; None before the first
        value.
    """

    def __init__(self, measure: Callable[[Any], float], steps: int):
        super().__init__()
        self._measure, self._steps = measure, steps
        self.curve: list = []
        self.best: Optional[float] = None
        self.best_step: Optional[int] = None
        self.weights: Optional[list] = None

    def on_epoch_end(self, epoch: int, logs: Optional[dict] = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        value, step = self._measure(self.model), (epoch + 1) * self._steps
        self.curve.append([step, value])
        if self.best is None or value > self.best:
            self.best, self.best_step, self.weights = value, step, self.model.get_weights()

    def near_peak(self) -> Optional[float]:
        """The mean of the `NEAR` values nearest to the peak, at most half of all (rounded up); None without any."""
        if self.best_step is None:
            return None
        nearest = sorted(self.curve, key=lambda point: abs(point[0] - self.best_step))
        return statistics.fmean(value for _, value in nearest[: min(NEAR, -(-len(nearest) // 2))])
