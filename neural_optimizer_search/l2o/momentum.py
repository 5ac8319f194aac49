"""Gradient descent with momentum as a policy, which learned policies imitate first (Li & Malik 2017, section 5)."""

import itertools
from typing import Union

import numpy as np

from neural_optimizer_search.l2o.trajectories import CAP, Policy, cap, run
from neural_optimizer_search.objectives import Objectives

RATES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DECAYS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


def momentum_policy(rates: Union[float, np.ndarray], decays: Union[float, np.ndarray], history: int) -> Policy:
    """-rate Σⱼ decayʲ ∇f(x⁽ᵗ⁻ʲ⁾) over the observed gradients (Table 1).

    Args:
      rates, decays: Floats, or arrays `[F]` with a value for each function.
      history: H.

    Returns:
      A policy: `[F, S, H + H d]` -> `[F, S, d]`.
    """
    coefficients = _coefficients(rates, decays, history)

    def policy(seen):
        gradients = seen[..., history:].reshape(*seen.shape[:-1], history, -1)
        return np.einsum("fh,fshd->fsd", np.broadcast_to(coefficients, [len(seen), history]), gradients)

    return policy


def momentum_gain(
    rates: Union[float, np.ndarray], decays: Union[float, np.ndarray], dimension: int, history: int
) -> np.ndarray:
    """The same policy as a linear function of the state of `lqg`: `[F, d, d + H (1 + d)]`, with F = 1 for floats.

    Args:
      rates, decays: See `momentum_policy`.
      dimension: d.
      history: H.
    """
    coefficients = _coefficients(rates, decays, history)
    # A row consists of the iterate, then H pairs of a change and a gradient, the newest first.
    gradients = np.zeros([len(coefficients), dimension, history, 1 + dimension])
    for i in range(dimension):
        gradients[:, i, :, 1 + i] = coefficients
    iterate = np.zeros([len(coefficients), dimension, dimension])
    return np.concatenate([iterate, gradients.reshape(*iterate.shape[:2], -1)], axis=-1)


def limit_steps(steps: np.ndarray, seen: np.ndarray, multiple: float, rate: float, decay: float) -> np.ndarray:
    """Shortens steps to at most a multiple of momentum's length, keeping their directions.

    Args:
      steps: The steps, `[..., d]`.
      seen: The observations, `[..., H + H d]`.
      multiple: The longest step, as a multiple of momentum's.
      rate, decay: Learning rate and decay of momentum.
    """
    dimension = steps.shape[-1]
    history = seen.shape[-1] // (1 + dimension)
    gradients = seen[..., history:].reshape(*seen.shape[:-1], history, dimension)
    most = multiple * np.linalg.norm(
        np.einsum("h,...hd->...d", _coefficients(rate, decay, history)[0], gradients), axis=-1
    )
    lengths = np.linalg.norm(steps, axis=-1)
    # Only steps that are too long are divided by their lengths, because a length may be 0.
    factors = np.divide(most, lengths, out=np.ones_like(lengths), where=lengths > most)
    return steps * factors[..., None]


def _coefficients(rates, decays, history):
    """Coefficients of the last gradients, the newest first: `[F, H]`."""
    return -np.reshape(rates, [-1, 1]) * np.reshape(decays, [-1, 1]) ** np.arange(history)


def tune_momentum(
    objectives: Objectives, start: np.ndarray, steps: int, history: int, choice: str = "shared"
) -> tuple[Union[float, np.ndarray], Union[float, np.ndarray]]:
    """Finds the rates and decays of a grid with the lowest mean value over the steps.

    Args:
      objectives: `Objectives`, F functions.
      start: Float `[F, S, d]`.
      steps: Steps of each run, without noise.
      history: H; momentum sums the last H gradients.
      choice: "shared": one setting for all functions; "each": one for each.

    Returns:
      (rates, decays): floats, or `[F]` each.

    Raises:
      FloatingPointError: If the values of most functions end above `CAP`.
    """
    grid = np.array(list(itertools.product(RATES, DECAYS)))
    runs = [run(objectives, momentum_policy(rate, decay, history), start, steps, history) for rate, decay in grid]
    values = np.stack([one.values[..., 1:] for one in runs])
    means = cap(values).mean(axis=(2, 3))
    best = means.mean(axis=1, keepdims=True).argmin(axis=0) if choice == "shared" else means.argmin(axis=0)
    ends = values[best, np.arange(len(objectives)), :, -1]
    # A comparison with NaN is False.
    _require_descent(~(ends <= CAP).all(axis=-1))
    return tuple((grid[best[0]] if choice == "shared" else grid[best]).T)


def _require_descent(diverged):
    if diverged.mean() > 0.5:
        raise FloatingPointError(
            f"Gradient descent with momentum, which is imitated first, ends above {CAP:g} on {diverged.sum()} of "
            f"{len(diverged)} functions with the best of its rates, which are {RATES[0]:g} to {RATES[-1]:g}. "
            "Scale the values of the functions down."
        )
