"""Runs of the policy or of the last targets, from which new targets are found (Li & Malik 2017, section 5)."""

from collections.abc import Callable
from typing import NamedTuple, Union

import numpy as np

from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.linearization import last_state, linearize
from neural_optimizer_search.l2o.lqg import LinearController
from neural_optimizer_search.l2o.momentum import momentum_gain, momentum_policy
from neural_optimizer_search.l2o.step_policy import StepPolicy
from neural_optimizer_search.l2o.trajectories import Policy, Trajectories, cap, follow, observe_all, run, starts
from neural_optimizer_search.objectives import Objectives

# The uses of random numbers; together with the seed and the iteration, each selects its own stream.
TRAINING, VALIDATION, SAMPLES, STARTS, WEIGHTS, FUNCTIONS = range(6)


class Followed(NamedTuple):
    """Noisy runs, and the controllers that they followed, which new targets must stay near.

    Attributes:
      trajectories: `Trajectories` of `[F, S]` runs.
      controller: The number of a function -> the `LinearController` that its runs followed, exactly or approximately.
    """

    trajectories: Trajectories
    controller: Callable[[int], LinearController]


def follow_policy(
    config: GuidedPolicySearchConfig, functions: Objectives, number: int, policy: StepPolicy
) -> Followed:
    """Runs a policy with noise; the controllers approximate it near its observations.

    Args:
      config: The settings.
      functions: F functions.
      number: The iteration.
      policy: The `StepPolicy`.
    """
    trajectories, deviations = run_with_noise(config, functions, number, policy)
    seen = observe_all(trajectories, config.history).mean(axis=1)
    return Followed(trajectories, lambda i: linearize(policy, seen[i], deviations))


def follow_targets(
    config: GuidedPolicySearchConfig, functions: Objectives, number: int, targets: LinearController
) -> Followed:
    """Runs the target of each function, always from the same point: a target is valid only near its own runs.

    Args:
      config, functions, number: See `follow_policy`.
      targets: A `LinearController` whose arrays have an additional leading dimension, the functions.
    """
    rng = np.random.default_rng([config.seed, number, SAMPLES])
    start = np.repeat(first_points(config, functions), config.runs, axis=1)
    noise = rng.normal(size=(len(functions), config.runs, config.horizon, functions.dimension))
    noise = np.einsum("ftde,fste->fstd", np.linalg.cholesky(targets.covariance), noise)

    def move(past):
        t = past.values.shape[-1] - 1
        step = np.einsum("fdn,fsn->fsd", targets.gain[:, t], last_state(past, config.history))
        x = past.iterates[:, :, -1] + step + targets.offset[:, None, t] + noise[:, :, t]
        return x, *functions.values_and_gradients(x)

    trajectories = follow(functions, move, start, config.horizon)
    return Followed(trajectories, lambda i: LinearController(*(part[i] for part in targets)))


def run_with_noise(
    config: GuidedPolicySearchConfig, functions: Objectives, number: int, policy: Policy
) -> tuple[Trajectories, np.ndarray]:
    """Runs a policy from a fresh starting point per function; also returns the noise's standard deviations `[T]`."""
    rng = np.random.default_rng([config.seed, number, SAMPLES])
    start = starts(len(functions), 1, functions.dimension, rng)
    deviations = _find_deviations(config, functions, policy, start)
    noise = rng.normal(size=(len(functions), config.runs, config.horizon, functions.dimension))
    start = np.repeat(start, config.runs, axis=1)
    return run(functions, policy, start, config.horizon, config.history, noise * deviations[:, None]), deviations


def momentum_targets(
    config: GuidedPolicySearchConfig,
    functions: Objectives,
    rates: Union[float, np.ndarray],
    decays: Union[float, np.ndarray],
) -> tuple[LinearController, np.ndarray]:
    """The first targets, whose means are the steps of gradient descent with momentum, and their deviations `[T]`."""
    count, steps, d = len(functions), config.horizon, functions.dimension
    gain = momentum_gain(rates, decays, d, config.history)[:, None]
    policy = momentum_policy(rates, decays, config.history)
    deviations = _find_deviations(config, functions, policy, first_points(config, functions))
    covariance = np.eye(d) * deviations[:, None, None] ** 2
    gain = np.broadcast_to(gain, [count, steps, *gain.shape[2:]])
    covariance = np.broadcast_to(covariance, [count, *covariance.shape])
    # Copies, like arrays read from a file: products with a broadcast array differ in the last bits.
    targets = LinearController(*map(np.ascontiguousarray, (gain, np.zeros([count, steps, d]), covariance)))
    return targets, deviations


def first_points(config: GuidedPolicySearchConfig, functions: Objectives) -> np.ndarray:
    """The points where momentum is tuned and where runs of targets begin: `[F, 1, d]`."""
    return starts(len(functions), 1, functions.dimension, [config.seed, 0, STARTS])


def _find_deviations(config, functions, policy, start):
    quiet = run(functions, policy, start, config.horizon, config.history)
    median = np.median(cap(np.abs(quiet.steps)), axis=(0, 1, 3))
    return np.maximum(config.noise * median, config.least_noise)
