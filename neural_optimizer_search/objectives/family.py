"""Families of objective functions, computed many at once."""

import functools
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import tensorflow as tf


class Family:
    """A family of objective functions that differ only in their data.

    A subclass defines in `draw` how the data of one function are drawn, and in `values` what the function is;
    first and second derivatives are TensorFlow's, so where an operation has no second derivative, the Hessian is 0.
    `dimension` is the dimension of an iterate. Families are hashable, as frozen dataclasses are.

    Example:
      >>> import numpy as np
      >>> import tensorflow as tf
      >>> class Bowls(Family):
      ...     dimension = 2
      ...     def draw(self, rng):
      ...         return (rng.normal(size=2),)
      ...     def values(self, data, x):
      ...         return tf.reduce_sum((x - data[0][:, None]) ** 2, axis=-1)
      >>> values, gradients = Bowls().sample(count=3, seed=0).values_and_gradients(np.zeros([3, 5, 2]))
      >>> values.shape, gradients.shape
      ((3, 5), (3, 5, 2))
    """

    dimension: int

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draws the data of one function.

        Args:
          rng: A `numpy.random.Generator`.

        Returns:
          A tuple of float arrays, whose shapes are the same for every draw.
        """
        raise NotImplementedError

    def values(self, data: Sequence[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        """The values of F functions at S points each, written with TensorFlow.

        Args:
          data: What `draw` returns, for F functions: float64 `[F, ...]` each.
          x: float64 `[F, S, dimension]`.

        Returns:
          float64 `[F, S]`.
        """
        raise NotImplementedError

    def sample(self, count: int, seed: Union[int, Sequence[int]]) -> "Objectives":
        """Draws random functions of the family.

        Args:
          count: Number of functions.
          seed: An int or a sequence of ints; the same functions for the same seed.

        Returns:
          `Objectives`.
        """
        rng = np.random.default_rng(seed)
        draws = [self.draw(rng) for _ in range(count)]
        return Objectives(self, tuple(np.stack(arrays).astype(np.float64) for arrays in zip(*draws)))


class Objectives:
    """Some functions of one family, computed together; `[i]`, `[i:j]` and `[[i, j]]` select some of them.

    Args:
      family: The `Family`.
      data: A tuple of float64 arrays `[F, ...]`, the data of the functions.
    """

    def __init__(self, family: Family, data: tuple[np.ndarray, ...]) -> None:
        self.family, self.data = family, data

    def __len__(self) -> int:
        return len(self.data[0])

    def __getitem__(self, chosen: Union[int, slice, Sequence[int], np.ndarray]) -> "Objectives":
        some: Any = chosen if isinstance(chosen, slice) or np.ndim(chosen) else [chosen]
        return Objectives(self.family, tuple(array[some] for array in self.data))

    @property
    def dimension(self) -> int:
        return self.family.dimension

    def values_and_gradients(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float64 `[F, S, dimension]` -> values `[F, S]` and gradients `[F, S, dimension]`."""
        values, gradients = _trace(self.family)[0](self.data, self._check(x))
        return values.numpy(), gradients.numpy()

    def hessians(self, x: np.ndarray) -> np.ndarray:
        """float64 `[F, S, dimension]` -> `[F, S, dimension, dimension]`."""
        return _trace(self.family)[1](self.data, self._check(x)).numpy()

    def _check(self, x):
        x = np.asarray(x, np.float64)
        if x.ndim != 3 or x.shape[0] != len(self) or x.shape[2] != self.dimension:
            raise ValueError(
                f"Argument `x` must have the shape [{len(self)}, points, {self.dimension}]: some points of "
                f"{self.dimension} numbers for each of the {len(self)} functions. Received: shape {list(x.shape)}."
            )
        return x


@functools.cache
def _trace(family):
    # One trace for any number of functions and points.
    @tf.function(reduce_retracing=True)
    def values_and_gradients(data, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = family.values(data, x)
        return values, tape.gradient(values, x)

    @tf.function(reduce_retracing=True)
    def hessians(data, x):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                values = family.values(data, x)
            gradients = inner.gradient(values, x)
            # A point's gradient depends only on that point, so the sum over points keeps them apart.
            parts = [gradients[..., i] for i in range(family.dimension)]
        rows = [outer.gradient(part, x, unconnected_gradients=tf.UnconnectedGradients.ZERO) for part in parts]
        return tf.stack(rows, axis=-2)

    return values_and_gradients, hessians
