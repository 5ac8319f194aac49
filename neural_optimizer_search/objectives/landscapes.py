"""Low-dimensional functions with well-known shapes."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


def rosenbrock(x: tf.Tensor) -> tf.Tensor:
    """(1 - x)² + 100 (y - x²)²: a long, flat, curved valley."""
    x, y = tf.unstack(x, axis=-1)
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def beale(x: tf.Tensor) -> tf.Tensor:
    """(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²: flat far from the minimum, with steep corners."""
    x, y = tf.unstack(x, axis=-1)
    first, second, third = ((c - x + x * y**power) ** 2 for power, c in enumerate((1.5, 2.25, 2.625), 1))
    return first + second + third


def quadratic(x: tf.Tensor) -> tf.Tensor:
    """½ (x² + 100 y²): a valley along one axis."""
    x, y = tf.unstack(x, axis=-1)
    return 0.5 * (x**2 + 100.0 * y**2)


@dataclass(frozen=True)
class Landscape:
    """A function to minimize.

    Attributes:
      value: Float `[..., 2]` -> `[...]`.
      start: The customary starting point.
      minimum: The point where the value is lowest, namely 0.

    Example:
      >>> import tensorflow as tf
      >>> from neural_optimizer_search.objectives import LANDSCAPES
      >>> float(LANDSCAPES["rosenbrock"].value(tf.constant([0.0, 0.0])))
      1.0
    """

    value: Callable[[tf.Tensor], tf.Tensor]
    start: tuple[float, float]
    minimum: tuple[float, float]


LANDSCAPES = {
    "rosenbrock": Landscape(rosenbrock, (-1.2, 1.0), (1.0, 1.0)),
    "beale": Landscape(beale, (1.0, 1.0), (3.0, 0.5)),
    "quadratic": Landscape(quadratic, (1.0, 1.0), (0.0, 0.0)),
}
