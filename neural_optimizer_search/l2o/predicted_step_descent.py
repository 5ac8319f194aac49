"""`PredictedStepDescent`: a learned policy as a ready-to-use optimizer (Li & Malik 2017, section 6)."""

import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from neural_optimizer_search.l2o.arrays import open_arrays, write_arrays
from neural_optimizer_search.l2o.step_policy import StepPolicy, policy_shapes
from neural_optimizer_search.l2o.trajectories import run

SHIPPED = pathlib.Path(__file__).parent / "policies"
LARGEST = 2**26  # maximum bytes of a policy's file, and of its arrays; a policy for dimension 10,000 has fewer


class NoPolicy(FileNotFoundError, ValueError):
    """There is no policy with this name: it is neither shipped nor a file."""


class Minimum(NamedTuple):
    """The result of a minimization.

    Attributes:
      x: float64 `[d]`, the iterate with the lowest value.
      value: Its value, a float.
      iterates: float64 `[steps + 1, d]`, the start first.
      values: float64 `[steps + 1]`.
    """

    x: np.ndarray
    value: float
    iterates: np.ndarray
    values: np.ndarray


class PredictedStepDescent:
    """Descends by steps that a network predicts from the last 25 gradients and changes of the objective.

    The network was trained on one family of functions. It needs no learning rate or other setting, but it does not
    suit functions whose gradients or minima are on a different scale from those of its family.

    Args:
      policy: A `StepPolicy`.
      about: How it was learned, as a JSON-serializable dict.

    Example:
      >>> import tensorflow as tf
      >>> from neural_optimizer_search.l2o import PredictedStepDescent
      >>> descent = PredictedStepDescent.load("logistic")
      >>> inputs, labels = tf.random.stateless_normal([100, 3], seed=[0, 1], dtype=tf.float64), tf.eye(100)[0]
      >>> def loss(x):  # x = (w, b)
      ...     logits = tf.linalg.matvec(inputs, x[:3]) + x[3]
      ...     return tf.reduce_mean(tf.nn.softplus(logits) - tf.cast(labels, tf.float64) * logits)
      >>> found = descent.minimize(loss, x0=[0.0, 0.0, 0.0, 0.0], steps=50)
      >>> bool(found.value < 0.1 * found.values[0])
      True
    """

    def __init__(self, policy: StepPolicy, about: Optional[Mapping[str, Any]] = None) -> None:
        self.policy, self.about = policy, dict(about or {})

    @property
    def dimension(self) -> int:
        """The dimension of an iterate."""
        return self.policy.dimension

    @classmethod
    def load(cls, name: Union[str, os.PathLike]) -> "PredictedStepDescent":
        """Loads a shipped policy, or one that `nos-learn` wrote.

        Args:
          name: "logistic", "robust", "classifier", or the path of a file.

        Raises:
          NoPolicy: If there is no such policy; this is both a FileNotFoundError and a ValueError.
          Damaged: If the file does not hold a policy; a ValueError.
          OSError: If the file cannot be read.
        """
        shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.npz"))}
        path = shipped.get(str(name), pathlib.Path(name))
        try:
            with open_arrays(path, "policy", LARGEST) as file:
                return cls(*_read(file))
        except FileNotFoundError:
            raise NoPolicy(
                f"Argument `name` must be one of {', '.join(shipped)}, or the path of a policy's file. "
                f"Received: {name!r}."
            ) from None

    def save(self, path: Union[str, os.PathLike]) -> None:
        """Saves the policy to a file for `load`, with weights in float32."""
        with open(path, "wb") as file:
            self.write(file)

    def write(self, file: IO[bytes]) -> None:
        """Like `save`, but writes to an open file."""
        arrays = {name: array.astype(np.float32) for name, array in self.policy.arrays().items()}
        write_arrays(file, dict(about=json.dumps(self.about), **arrays), packed=True)

    def minimize(
        self, objective: Callable[[tf.Tensor], tf.Tensor], x0: Union[Sequence[float], np.ndarray], steps: int = 100
    ) -> Minimum:
        """Minimizes a function.

        Args:
          objective: A callable from a float64 tensor `[d]` to a scalar tensor, made of TensorFlow operations.
          x0: The starting point: d floats.
          steps: Number of steps, an int >= 1.

        Returns:
          `Minimum`.

        Raises:
          ValueError: If the dimension of `x0` is not that of the functions that the policy was learned on, or the
            objective's value is not a scalar or does not depend on x.
        """
        start = np.asarray(x0, np.float64)
        if start.shape != (self.dimension,):
            family = f" of the family {self.about['family']!r}" if "family" in self.about else ""
            raise ValueError(
                f"Argument `x0` must have the shape [{self.dimension}]: the policy was learned on functions{family} "
                f"of {self.dimension} numbers, and its network knows no others. Received: shape {list(start.shape)}. "
                "Learn one for yours with: nos-learn --family module:attribute"
            )
        if steps < 1:
            raise ValueError(f"Argument `steps` must be an int >= 1. Received: {steps}.")
        found = run(_One(objective), self.policy, start[None, None], steps, self.policy.history)
        iterates, values = found.iterates[0, 0], found.values[0, 0]
        best = np.argmin(np.nan_to_num(values, nan=np.inf))
        return Minimum(iterates[best], float(values[best]), iterates, values)


class _One:
    """Adapts a single objective to `run`."""

    def __init__(self, objective):
        self._objective = objective

    def values_and_gradients(self, x):
        x = tf.constant(x[0, 0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.convert_to_tensor(self._objective(x))
        if value.shape.rank != 0:
            raise ValueError(f"Argument `objective` must return a scalar. Received: shape {value.shape.as_list()}.")
        gradient = tape.gradient(value, x)
        if gradient is None:
            raise ValueError(
                "Argument `objective` must compute its value of x by TensorFlow operations. Received: a value that "
                "does not depend on x."
            )
        # The gradient of some operations, such as `tf.gather`, is not dense.
        return value.numpy()[None, None], tf.convert_to_tensor(gradient).numpy()[None, None]


def _read(file):
    """Reads the `StepPolicy`, and how it was learned, from an `ArrayFile`."""
    hidden, dimension = file.shape("second", rank=2)
    seen, _ = file.shape("first", rank=2)
    history = seen // (1 + dimension)
    if min(hidden, dimension, history) < 1:
        raise ValueError("one of its layers is empty.")
    shapes = policy_shapes(dimension, history, hidden, "scale" in file, "second_bias" in file, "limit" in file)
    file.require_only("about", *shapes)
    arrays = {
        name: file.read(name, shape, dtypes=("float32", "float64")).astype(np.float64)
        for name, shape in shapes.items()
    }
    policy = StepPolicy(**{"scale": None, **arrays})
    about = json.loads(file.read_text("about"))
    if not isinstance(about, dict):
        raise ValueError("'about' is not a table of names and values.")
    return policy, about
