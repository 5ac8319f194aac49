"""The hand-designed optimizers that a learned one is compared with (Li & Malik 2017, Table 1 and section 6).

A direction is a function of the past, the `Trajectories` so far; a fixed step or a line search turns it into an
optimizer.
"""

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from neural_optimizer_search.l2o.trajectories import Differentiable, Trajectories, follow, mean_value
from neural_optimizer_search.objectives import Objectives
from neural_optimizer_search.optimizers import AddSign, PowerSign

TRIALS = 20  # Maximum number of points that a line search tries.
LEAST_SLOPE = 1e-14  # Relative to the value; below this, rounding decides whether a point is lower.
LEAST_CURVATURE = 1e-10  # s·y / y·y of the pairs that L-BFGS keeps.

# (the past, setting) -> directions `[F, S, d]`.
Direction = Callable[..., np.ndarray]


def _dot(a, b):
    return np.sum(a * b, axis=-1, keepdims=True)


def gradient_descent(past: Trajectories) -> np.ndarray:
    """-gₜ."""
    return -past.gradients[:, :, -1]


def momentum(past: Trajectories, alpha: float) -> np.ndarray:
    """-Σⱼ αʲ gₜ₋ⱼ."""
    return -np.einsum("t,fstd->fsd", alpha ** np.arange(past.gradients.shape[2])[::-1], past.gradients)


def conjugate_gradient(past: Trajectories, restart: Optional[int] = None) -> np.ndarray:
    """-Σⱼ ‖gₜ‖² / ‖gⱼ‖² gⱼ (Fletcher and Reeves); the sum restarts every `restart` steps, if that is given."""
    latest = past.gradients.shape[2] - 1
    gradients = past.gradients[:, :, latest // restart * restart if restart else 0 :]
    squares = _dot(gradients, gradients)
    return -np.sum(np.where(squares > 0, squares[:, :, -1:] / squares, 0.0) * gradients, axis=2)


def l_bfgs(past: Trajectories, memory: int) -> np.ndarray:
    """-H gₜ: H estimates the inverse Hessian from the last changes s of the iterate and y of the gradient."""
    s, y = (np.moveaxis(np.diff(part[:, :, -memory - 1 :], axis=2), 2, 0) for part in (past.iterates, past.gradients))
    sy, yy = _dot(s, y), _dot(y, y)
    kept = sy > LEAST_CURVATURE * yy
    rho = np.where(kept, 1 / sy, 0.0)
    q, scale, a = past.gradients[:, :, -1], 1.0, np.empty_like(rho)
    for i in reversed(range(len(s))):
        a[i] = rho[i] * _dot(s[i], q)
        q = q - a[i] * y[i]
    for i in range(len(s)):
        scale = np.where(kept[i], sy[i] / yy[i], scale)
    r: np.ndarray = scale * q
    for i in range(len(s)):
        r = r + (a[i] - rho[i] * _dot(y[i], r)) * s[i]
    return -r


def fixed_step(
    direction: Direction, objectives: Differentiable, start: np.ndarray, steps: int, step: float, **setting: Any
) -> Trajectories:
    """x <- x + step · direction."""

    def move(past):
        x = past.iterates[:, :, -1] + step * direction(past, **setting)
        return x, *objectives.values_and_gradients(x)

    return follow(objectives, move, start, steps)


def line_search(
    direction: Direction,
    objectives: Objectives,
    start: np.ndarray,
    steps: int,
    first: float,
    decrease: float = 1e-4,
    curvature: float = np.inf,
    **setting: Any,
) -> Trajectories:
    """x <- x + t · direction, or x - t · g where the direction points uphill; `_search` tries t = `first` first."""

    def move(past):
        x, values, gradients = (array[:, :, -1] for array in past)
        towards = direction(past, **setting)
        towards = np.where(_dot(gradients, towards) < 0, towards, -gradients)
        return _search(objectives, x, values, gradients, towards, first, decrease, curvature)

    return follow(objectives, move, start, steps)


def _search(objectives, x, values, gradients, towards, first, decrease, curvature):
    """Points x + t · towards with f <= f₀ + decrease · t f₀' and |f'| <= curvature · |f₀'|, their f and gradients.

    These are the strong Wolfe conditions, or Armijo's if the curvature is infinite. t is doubled until an interval is
    known to contain a solution; then the interval is halved. After the last trial, the result is the last t that met
    the first condition, or 0.
    """
    slopes = _dot(gradients, towards)[..., 0]
    low, high, t = (np.full(values.shape, bound) for bound in (0.0, np.inf, float(first)))
    found = x.copy(), values.copy(), gradients.copy()
    at = np.nonzero(-slopes > LEAST_SLOPE * np.abs(values))  # Runs that are still searching: functions, starts.
    for _ in range(TRIALS):
        if not len(at[0]):
            break
        tried = x[at] + t[at][:, None] * towards[at]
        tried = tried, *(part[:, 0] for part in objectives[at[0]].values_and_gradients(tried[:, None]))
        slope = _dot(tried[2], towards[at])[:, 0]
        lower = tried[1] <= values[at] + decrease * t[at] * slopes[at]
        short = lower & (slope < curvature * slopes[at])
        long = ~lower | (slope > -curvature * slopes[at])
        for array, part in zip(found, tried):
            array[tuple(index[lower] for index in at)] = part[lower]
        low[at], high[at] = np.where(short, t[at], low[at]), np.where(long, t[at], high[at])
        at = tuple(index[short | long] for index in at)
        t[at] = np.where(np.isinf(high[at]), 2 * t[at], (low[at] + high[at]) / 2)
    return found


def keras_rule(
    optimizer: type[tf.keras.optimizers.Optimizer],
    objectives: Differentiable,
    start: np.ndarray,
    steps: int,
    **setting: Any,
) -> Trajectories:
    """Runs a Keras optimizer. Its rule is elementwise, so one variable `[F, S, d]` stands for F·S variables."""
    stepper, variable = optimizer(**setting), tf.Variable(tf.constant(start, tf.float64))

    def move(past):
        stepper.apply_gradients([(tf.constant(past.gradients[:, :, -1]), variable)])
        x = variable.numpy()
        return x, *objectives.values_and_gradients(x)

    return follow(objectives, move, start, steps)


class Baseline(NamedTuple):
    """An optimizer and the settings to choose from.

    Attributes:
      run: (objectives, start `[F, S, d]`, steps, **setting) -> `Trajectories`; runs that diverge continue with NaN.
      grid: Argument name -> values to try; about 40 settings per baseline.
    """

    run: Callable[..., Trajectories]
    grid: Mapping[str, tuple]


RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MANY_RATES = tuple(float(f"{rate:.2g}") for rate in np.geomspace(0.001, 10, 37))
BASELINES = {name: Baseline(partial(form, rule), grid) for name, form, rule, grid in (
    ("gradient descent", fixed_step, gradient_descent, dict(step=MANY_RATES)),
    ("momentum", fixed_step, momentum, dict(step=RATES[3:], alpha=(0.2, 0.4, 0.6, 0.8, 0.9, 0.95))),
    ("conjugate gradient", fixed_step, conjugate_gradient, dict(step=MANY_RATES)),
    ("l-bfgs", fixed_step, l_bfgs, dict(step=RATES, memory=(2, 5, 10, 25))),
    ("gradient descent, line search", line_search, gradient_descent,
     dict(first=(1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0), decrease=(1e-4, 0.01, 0.1, 0.3, 0.5))),
    ("conjugate gradient, line search", line_search, conjugate_gradient,
     dict(first=(0.1, 0.3, 1.0, 3.0), curvature=(0.01, 0.1, 0.4), restart=(5, 13, None))),
    ("l-bfgs, line search", line_search, l_bfgs,
     dict(first=(0.1, 0.3, 1.0, 3.0), curvature=(0.01, 0.1, 0.5), memory=(3, 10, 25))),
    ("adam", keras_rule, tf.keras.optimizers.Adam, dict(learning_rate=RATES, beta_1=(0.7, 0.9), beta_2=(0.9, 0.999))),
    ("powersign", keras_rule, PowerSign, dict(learning_rate=RATES, base=(2.0, np.e), beta=(0.5, 0.9))),
    ("addsign", keras_rule, AddSign, dict(learning_rate=RATES, alpha=(1.0, 2.0), beta=(0.5, 0.9))),
)}  # fmt: skip


def tune(name: str, objectives: Objectives, start: np.ndarray, steps: int) -> dict[str, Any]:
    """Finds the setting with the lowest `mean_value` in a baseline's grid.

    Args:
      name: One of the `BASELINES`.
      objectives, start, steps: See `Baseline.run`.
    """
    if name not in BASELINES:
        raise ValueError(f"Argument `name` must be one of {', '.join(map(repr, BASELINES))}. Received: {name!r}.")
    run, grid = BASELINES[name]
    settings = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    return min(settings, key=lambda setting: mean_value(run(objectives, start, steps, **setting)))


class Counted:
    """`Objectives` that count, in `evaluations`, the points at which they are evaluated; slices share the count.

    Example:
      >>> from neural_optimizer_search.objectives import FAMILIES
      >>> counted = Counted(FAMILIES["robust"].sample(120, seed=0))
      >>> _ = BASELINES["l-bfgs, line search"].run(counted, np.zeros([120, 1, 4]), 10, first=1.0, memory=25)
      >>> counted.evaluations > 1000
      True
    """

    def __init__(self, objectives: Objectives, whole: Optional["Counted"] = None) -> None:
        self.objectives, self.whole, self.evaluations = objectives, self if whole is None else whole, 0

    def __getitem__(self, chosen: Union[slice, np.ndarray]) -> "Counted":
        return Counted(self.objectives[chosen], self.whole)

    def values_and_gradients(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Objectives`."""
        self.whole.evaluations += x.shape[0] * x.shape[1]
        return self.objectives.values_and_gradients(x)
