"""Converts observations and policies to the coordinates of `lqg`, in which the history is a pure shift."""

import numpy as np

from neural_optimizer_search.l2o.lqg import LinearController
from neural_optimizer_search.l2o.step_policy import StepPolicy
from neural_optimizer_search.l2o.trajectories import Trajectories


def increments(trajectories: Trajectories) -> np.ndarray:
    """y = (f(xₜ) - f(xₜ₋₁), ∇f(xₜ)) at each iterate: `[F, S, T+1, 1 + d]`; the first change is 0."""
    with np.errstate(invalid="ignore"):  # inf - inf, in a run that diverged
        changes = np.diff(trajectories.values, axis=-1, prepend=trajectories.values[..., :1])
    return np.concatenate([changes[..., None], trajectories.gradients], axis=-1)


def shift_states(trajectories: Trajectories, history: int) -> np.ndarray:
    """(xₜ, yₜ, yₜ₋₁, .., yₜ₋ᴴ₊₁) before each step: `[F, S, T, d + H (1 + d)]`; zeros where there is no past."""
    y = increments(trajectories)[:, :, :-1]
    padded = np.concatenate([np.zeros([*y.shape[:2], history - 1, y.shape[-1]]), y], axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, history, axis=2)[..., ::-1]
    past = np.swapaxes(windows, -1, -2).reshape(*y.shape[:3], -1)
    return np.concatenate([trajectories.iterates[:, :, :-1], past], axis=-1)


def last_state(trajectories: Trajectories, history: int) -> np.ndarray:
    """(xₜ, yₜ, yₜ₋₁, .., yₜ₋ᴴ₊₁) after the last step: `[F, S, d + H (1 + d)]`."""
    recent = increments(trajectories)[:, :, -history:][:, :, ::-1]
    past = np.zeros([*recent.shape[:2], history, recent.shape[-1]])
    past[:, :, : recent.shape[2]] = recent
    return np.concatenate([trajectories.iterates[:, :, -1], past.reshape(*recent.shape[:2], -1)], axis=-1)


def observation_matrix(t: int, dimension: int, history: int) -> np.ndarray:
    """The observation at time t, as a linear function of the state: `[H + H d, d + H (1 + d)]`."""
    size = 1 + dimension
    matrix = np.zeros([history * size, dimension + history * size])
    for i in range(min(t, history)):
        # f(xₜ) - f(xₜ₋ᵢ₋₁) is the sum of the last i + 1 changes.
        matrix[i, dimension : dimension + (i + 1) * size : size] = 1.0
    for i in range(history):
        row, column = history + i * dimension, dimension + i * size + 1
        matrix[row : row + dimension, column : column + dimension] = np.eye(dimension)
    return matrix


def linearize(policy: StepPolicy, seen: np.ndarray, deviations: np.ndarray) -> LinearController:
    """Approximates a policy by a linear controller near its observations.

    Args:
      policy: The `StepPolicy`.
      seen: Float `[T, H + H d]`, the policy's observation at each time.
      deviations: Float `[T]`, standard deviations of its steps.

    Returns:
      A `LinearController`.
    """
    jacobian = policy.jacobian(seen)
    matrices = [observation_matrix(t, policy.dimension, policy.history) for t in range(len(seen))]
    return LinearController(
        gain=np.stack([slope @ matrix for slope, matrix in zip(jacobian, matrices)]),
        offset=policy(seen) - np.einsum("tdo,to->td", jacobian, seen),
        covariance=np.eye(policy.dimension) * deviations[:, None, None] ** 2,
    )
