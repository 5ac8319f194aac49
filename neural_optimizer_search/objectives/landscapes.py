"""Low-dimensional functions with well-known shapes, of NumPy's arrays and of tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# So small that its square is lost in rounding: the derivative along an imaginary step is exact.
_STEP = 1e-100


def rosenbrock(x: Any) -> Any:
    """(1 - x)² + 100 (y - x²)²: a long, flat, curved valley."""
    x, y = x[..., 0], x[..., 1]
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def beale(x: Any) -> Any:
    """(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²: flat far from the minimum, with steep corners."""
    x, y = x[..., 0], x[..., 1]
    first, second, third = ((c - x + x * y**power) ** 2 for power, c in enumerate((1.5, 2.25, 2.625), 1))
    return first + second + third


def quadratic(x: Any) -> Any:
    """½ (x² + 100 y²): a valley along one axis."""
    x, y = x[..., 0], x[..., 1]
    return 0.5 * (x**2 + 100.0 * y**2)


@dataclass(frozen=True)
class Landscape:
    """A function to minimize.

    Attributes:
      value: Float `[..., 2]` -> `[...]`, an array or a tensor.
      start: The customary starting point.
      minimum: The point where the value is lowest, namely 0.

    Example:
      >>> import numpy as np
      >>> from neural_optimizer_search.objectives import LANDSCAPES
      >>> rosenbrock = LANDSCAPES["rosenbrock"]
      >>> float(rosenbrock.value(np.array([0.0, 0.0]))), rosenbrock.gradient(np.array([0.0, 0.0])).tolist()
      (1.0, [-2.0, 0.0])
    """

    value: Callable[[Any], Any]
    start: tuple[float, float]
    minimum: tuple[float, float]

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The exact gradient at points: float64 `[..., 2]` -> `[..., 2]`."""
        along_each = [self.value(x + 1j * _STEP * axis).imag / _STEP for axis in np.eye(2)]
        return np.stack(along_each, axis=-1)


LANDSCAPES = {
    "rosenbrock": Landscape(rosenbrock, (-1.2, 1.0), (1.0, 1.0)),
    "beale": Landscape(beale, (1.0, 1.0), (3.0, 0.5)),
    "quadratic": Landscape(quadratic, (1.0, 1.0), (0.0, 0.0)),
}
