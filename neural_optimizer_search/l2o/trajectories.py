"""The Markov decision process of Li & Malik (2017, section 5): its observations, and runs on many functions at once.

A state is the iterate, and the changes of the objective and the gradients over the last H steps, with zeros where
there is no past yet; an action is the step; the cost of a state is the objective's value. The policy sees all but the
iterate.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional, Protocol, Union

import numpy as np

HISTORY = 25  # H
HORIZON = 40  # T, while learning
CAP = 1e3  # larger values and NaN count as this, so that one diverged run does not hide all others


# Observations `[F, S, H + H d]` -> steps `[F, S, d]`.
Policy = Callable[[np.ndarray], np.ndarray]


class Differentiable(Protocol):
    """Functions to follow a policy on, such as `Objectives`."""

    def values_and_gradients(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`[F, S, d]` -> values `[F, S]` and gradients `[F, S, d]`."""
        ...


class Trajectories(NamedTuple):
    """Runs of T steps, float64; the leading dimensions are functions and runs.

    Attributes:
      iterates: `[F, S, T+1, d]`.
      values: `[F, S, T+1]`, values of the objective at the iterates.
      gradients: `[F, S, T+1, d]`, its gradients there.
    """

    iterates: np.ndarray
    values: np.ndarray
    gradients: np.ndarray

    @property
    def steps(self) -> np.ndarray:
        """The differences of successive iterates, `[F, S, T, d]`."""
        with np.errstate(invalid="ignore"):  # inf - inf, in a run that diverged
            return np.diff(self.iterates, axis=-2)


def observe(values: np.ndarray, gradients: np.ndarray, history: int) -> np.ndarray:
    """The observation of a policy after some iterates.

    Args:
      values: `[..., t+1]`, values of the objective at all iterates so far, the current one last.
      gradients: `[..., t+1, d]`, its gradients there.
      history: H.

    Returns:
      `[..., H + H d]`: f(x⁽ᵗ⁾) - f(x⁽ᵗ⁻ⁱ⁾) for i = 1..H, then the gradients at x⁽ᵗ⁾, x⁽ᵗ⁻¹⁾, .., x⁽ᵗ⁻ᴴ⁺¹⁾. The
      paper's wording leaves out the current gradient, without which not even gradient descent would be a policy.

    Example:
      >>> observe(np.array([5.0, 3.0]), np.array([[7.0], [6.0]]), history=3)
      array([-2.,  0.,  0.,  6.,  7.,  0.])
    """
    *batch, dimension = gradients.shape[:-2] + gradients.shape[-1:]
    before = values[..., :-1][..., ::-1][..., :history]
    recent = gradients[..., ::-1, :][..., :history, :]
    seen = np.zeros([*batch, history * (1 + dimension)])
    with np.errstate(invalid="ignore"):  # inf - inf, in a run that diverged
        seen[..., : before.shape[-1]] = values[..., -1:] - before
    seen[..., history : history + recent.shape[-2] * dimension] = recent.reshape([*batch, -1])
    return seen


def observe_all(trajectories: Trajectories, history: int) -> np.ndarray:
    """The observations of a policy before each step: `[F, S, T, H + H d]`."""
    values, gradients = trajectories.values, trajectories.gradients
    steps = values.shape[-1] - 1
    return np.stack(
        [observe(values[..., : t + 1], gradients[..., : t + 1, :], history) for t in range(steps)], axis=-2
    )


def run(
    objectives: Differentiable,
    policy: Policy,
    start: np.ndarray,
    steps: int,
    history: int,
    noise: Optional[np.ndarray] = None,
) -> Trajectories:
    """Follows a policy on many functions at once.

    Args:
      objectives: `Objectives`, F functions.
      policy: Function from observations `[F, S, H + H d]` to steps `[F, S, d]`.
      start: Float `[F, S, d]`, S starting points for each function.
      steps: The number of steps T.
      history: H.
      noise: Float `[F, S, T, d]`, added to the steps; none by default.

    Returns:
      `Trajectories`. A run that becomes non-finite continues with infinity or NaN.
    """

    def move(past):
        seen = observe(past.values, past.gradients, history)
        step = policy(seen) if noise is None else policy(seen) + noise[:, :, past.values.shape[-1] - 1]
        x = past.iterates[:, :, -1] + step
        return x, *objectives.values_and_gradients(x)

    return follow(objectives, move, start, steps)


def follow(
    objectives: Differentiable,
    move: Callable[[Trajectories], tuple[np.ndarray, np.ndarray, np.ndarray]],
    start: np.ndarray,
    steps: int,
) -> Trajectories:
    """Builds `Trajectories`: `move` maps those so far to the next iterates, their values and gradients."""
    shape = [*start.shape[:2], steps + 1, start.shape[2]]
    whole = Trajectories(np.empty(shape), np.empty(shape[:-1]), np.empty(shape))
    with np.errstate(all="ignore"):
        for t in range(steps + 1):
            past = Trajectories(*(array[:, :, :t] for array in whole))
            point = move(past) if t else (start, *objectives.values_and_gradients(start))
            for array, part in zip(whole, point):
                array[:, :, t] = part
    return whole


def starts(
    functions: int, points: int, dimension: int, seed: Union[int, Sequence[int], np.random.Generator]
) -> np.ndarray:
    """Standard normal starting points `[functions, points, dimension]`; the paper only says that they are random.

    Args:
      seed: An int, a sequence of ints or a Generator. It must not be the seed of the functions, which would give the
        same numbers as their data.
    """
    return np.random.default_rng(seed).normal(size=(functions, points, dimension))


def mean_value(trajectories: Trajectories) -> float:
    """The mean of the values after all steps of all runs; a float."""
    return float(cap(trajectories.values[..., 1:]).mean())


def cap(values: np.ndarray) -> np.ndarray:
    """The values, each capped at `CAP`."""
    return np.nan_to_num(np.minimum(values, CAP), nan=CAP)
