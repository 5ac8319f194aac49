"""The targets that policies imitate: gradient descent with momentum, then improved ones (Li & Malik, section 3.3)."""

from collections.abc import Callable
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.l2o import dynamics, lqg
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.linearization import shift_states
from neural_optimizer_search.l2o.lqg import LinearController
from neural_optimizer_search.l2o.momentum import momentum_policy, tune_momentum
from neural_optimizer_search.l2o.sampling import (
    first_points,
    follow_policy,
    follow_targets,
    momentum_targets,
    run_with_noise,
)
from neural_optimizer_search.l2o.step_policy import StepPolicy
from neural_optimizer_search.l2o.trajectories import Trajectories, observe_all
from neural_optimizer_search.objectives import Objectives


class Batch(NamedTuple):
    """The data that the policy is fitted to: trajectories, and the target's actions on them.

    Attributes:
      trajectories: `Trajectories` of `[F, S]` runs.
      steps: `[F, S, T, d]`, the means of the target; NaN for a function without a target, because its runs or its
        model became non-finite.
      precisions: `[F, T, d, d]`, its inverse covariances.
    """

    trajectories: Trajectories
    steps: np.ndarray
    precisions: np.ndarray


class Targets(NamedTuple):
    """The targets of one iteration.

    Attributes:
      batch: The `Batch`.
      weights: `[F]`, the dual variables.
      controllers: The targets themselves, a `LinearController` whose arrays have a leading dimension for the
        functions; None unless the next targets must stay near them.
    """

    batch: Batch
    weights: np.ndarray
    controllers: Optional[LinearController]


def imitate_momentum(config: GuidedPolicySearchConfig, functions: Objectives) -> Targets:
    """The first `Targets`: gradient descent with momentum.

    Args:
      config: The settings.
      functions: F functions.
    """
    start = first_points(config, functions)
    setting = tune_momentum(functions, start, config.horizon, config.history, config.momentum)
    policy, controllers = momentum_policy(*setting, config.history), None
    if config.near == "policy":
        trajectories, deviations = run_with_noise(config, functions, 0, policy)
    else:
        controllers, deviations = momentum_targets(config, functions, *setting)
        trajectories = follow_targets(config, functions, 0, controllers).trajectories
    seen = observe_all(trajectories, config.history)
    steps = np.stack([policy(seen[:, :, t]) for t in range(config.horizon)], axis=2)
    precisions = np.eye(functions.dimension) / deviations[:, None, None] ** 2
    precisions = np.broadcast_to(precisions, [len(functions), *precisions.shape])
    return Targets(Batch(trajectories, steps, precisions), np.ones(len(functions)), controllers)


def improve_targets(
    config: GuidedPolicySearchConfig,
    functions: Objectives,
    number: int,
    policy: StepPolicy,
    weights: np.ndarray,
    controllers: Optional[LinearController] = None,
    advance: Callable[[], object] = lambda: None,
) -> Targets:
    """Finds `Targets` that are near the followed policy or targets, and better.

    Args:
      config: The settings.
      functions: F functions.
      number: The iteration.
      policy: The last `StepPolicy`.
      weights, controllers: Those of the last `Targets`. Without controllers, runs follow the policy.
      advance: Called after each function.

    Raises:
      FloatingPointError: If every function has a run that becomes non-finite.
    """
    if controllers is None:
        followed = follow_policy(config, functions, number, policy)
    else:
        followed = follow_targets(config, functions, number, controllers)
        controllers = LinearController(*map(np.array, controllers))
    states = shift_states(followed.trajectories, config.history)
    find_target = _prepare(config, functions, number, followed, states[:, 0, 0])
    batch, weights = _empty_batch(followed.trajectories), weights.copy()
    for i in range(len(functions)):
        found = find_target(i, weights[i])
        if found is not None:
            target, weights[i] = found
            batch.steps[i] = np.einsum("tdn,stn->std", target.gain, states[i]) + target.offset
            batch.precisions[i] = np.linalg.inv(target.covariance)
            for whole, part in zip(controllers or (), target):
                whole[i] = part
        advance()
    return Targets(batch, weights, controllers)


def _prepare(config, functions, number, followed, start):
    """Returns a callable that finds the target of a function, near what was followed."""
    trajectories = followed.trajectories
    samples = dynamics.transitions(trajectories)
    finite = np.isfinite(samples).all(axis=(1, 2, 3))
    if not finite.any():
        raise FloatingPointError(
            f"In iteration {number} the {config.near} leaves the finite numbers on every function. "
            "Give it more functions."
        )
    prior = dynamics.fit_prior(samples[finite], config.seed)

    def find_target(i, guess):
        """(the target of a function, its dual variable); None if its runs or its model become non-finite."""
        if not finite[i]:
            return None
        try:
            found = lqg.solve_constrained(
                dynamics.fit_dynamics(samples[i], prior, 1 + functions.dimension),
                _approximate_cost(functions[i], trajectories.iterates[i, :, 1:].mean(axis=0)),
                start[i],
                followed.controller(i),
                config.bound * config.horizon,
                guess=guess,
            )
            np.linalg.cholesky(found[0].covariance)  # its noise is drawn with this factor
            return found
        except (lqg.UnstableModel, np.linalg.LinAlgError):
            return None  # in this iteration; rare with logistic regression

    return find_target


def _empty_batch(trajectories):
    functions, _, steps, dimension = trajectories.steps.shape
    precisions = np.zeros([functions, steps, dimension, dimension])
    return Batch(trajectories, np.full_like(trajectories.steps, np.nan), precisions)


def _approximate_cost(function, iterates):
    """Quadratic approximations of a function at iterates `[T, d]`, as a `Cost`; concave directions count as flat."""
    gradient = function.values_and_gradients(iterates[None])[1][0]
    eigenvalues, vectors = np.linalg.eigh(function.hessians(iterates[None])[0])
    hessian = (vectors * np.maximum(eigenvalues, 0.0)[:, None]) @ np.swapaxes(vectors, -1, -2)
    return lqg.Cost(hessian, gradient - np.einsum("tij,tj->ti", hessian, iterates))
