"""Guided policy search for optimizers (Levine & Abbeel 2014; Li & Malik 2017, sections 3.3 and 5).

Each iteration follows the policy with noise on every function, models what happens, finds near the policy a better
target for each function, and fits the policy to the targets. The trajectories are the policy's own, so that what the
target may not depart from is the policy: the dual variable of the bound is at once the weight of the penalty on their
divergence. In a prototype that followed the targets in place of the policy, the policies went astray late.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.l2o import dynamics, lqg
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.linearization import linearize, shift_states
from neural_optimizer_search.l2o.momentum import momentum_policy, tune_momentum
from neural_optimizer_search.l2o.step_policy import StepPolicy, fit, new_policy
from neural_optimizer_search.l2o.trajectories import Trajectories, cap, mean_value, observe_all, run, starts
from neural_optimizer_search.objectives import Family

# What random numbers are for; with the seed and the iteration they make a stream each.
TRAINING, VALIDATION, SAMPLES, STARTS, WEIGHTS = range(5)


class Batch(NamedTuple):
    """What the policy is fitted to: where runs went, and what the target does there.

    Attributes:
      trajectories: `Trajectories` of `[F, S]` runs.
      steps: `[F, S, T, d]`, the means of the target; NaN for a function without one, because its runs left the finite
        numbers or its model did.
      precisions: `[F, T, d, d]`, its inverse covariances.
    """

    trajectories: Trajectories
    steps: np.ndarray
    precisions: np.ndarray


class TrainingState(NamedTuple):
    """Where a training is.

    Attributes:
      number: 0 after the imitation of momentum.
      policy: The `StepPolicy` fitted last.
      merit: Mean value on the validation functions over all steps; less is better.
      best, best_merit: The policy with the least merit so far.
      batches: The last `Batch`es.
      weights: `[F]`, the last dual variables.
    """

    number: int
    policy: StepPolicy
    merit: float
    best: StepPolicy
    best_merit: float
    batches: tuple[Batch, ...]
    weights: np.ndarray


def learn(
    config: GuidedPolicySearchConfig,
    family: Family,
    last: Optional[TrainingState] = None,
    advance: Callable[[], object] = lambda: None,
) -> Iterator[TrainingState]:
    """Learns to minimize the functions of a family.

    Args:
      config: `GuidedPolicySearchConfig`.
      family: `Family`.
      last: The `TrainingState` to go on after; a training that goes on does what an undisturbed one does.
      advance: Called after each function of an iteration.

    Yields:
      A `TrainingState` after each iteration, the imitation of momentum first.
    """
    functions = family.sample(config.functions, [config.seed, TRAINING])
    validation = family.sample(config.validation, [config.seed, VALIDATION])
    start = starts(config.validation, 1, family.dimension, [config.seed, VALIDATION, STARTS])
    for number in range(0 if last is None else last.number + 1, config.iterations + 1):
        if last is None:
            batches, weights, policy = (_imitate_momentum(config, functions),), np.ones(config.functions), None
        else:
            batch, weights = _improve_targets(config, functions, number, last.policy, last.weights, advance)
            batches, policy = (*last.batches, batch)[-config.kept :], last.policy
        policy = _fit_policy(config, batches, policy, [config.seed, number, WEIGHTS])
        merit = mean_value(run(validation, policy, start, config.validation_steps, history=config.history))
        if last is None or merit < last.best_merit:
            best, best_merit = policy, merit
        else:
            best, best_merit = last.best, last.best_merit
        last = TrainingState(number, policy, merit, best, best_merit, batches, weights)
        yield last


def _sample_runs(config, objectives, policy, number):
    """Runs with noise from one fresh starting point for each function, and the noise's deviations `[T]`."""
    rng = np.random.default_rng([config.seed, number, SAMPLES])
    start = starts(len(objectives), 1, objectives.dimension, rng)
    quiet = run(objectives, policy, start, config.horizon, history=config.history)
    median = np.median(cap(np.abs(quiet.steps)), axis=(0, 1, 3))
    deviations = np.maximum(config.noise * median, config.least_noise)
    noise = rng.normal(size=(len(objectives), config.runs, config.horizon, objectives.dimension))
    start = np.repeat(start, config.runs, axis=1)
    return run(objectives, policy, start, config.horizon, noise * deviations[:, None], config.history), deviations


def _imitate_momentum(config, functions):
    """A `Batch` whose target is gradient descent with momentum."""
    start = starts(len(functions), 1, functions.dimension, [config.seed, 0, STARTS])
    policy = momentum_policy(*tune_momentum(functions, start, config.horizon, config.momentum), config.history)
    trajectories, deviations = _sample_runs(config, functions, policy, 0)
    seen = observe_all(trajectories, config.history)
    steps = np.stack([policy(seen[:, :, t]) for t in range(config.horizon)], axis=2)
    precisions = np.eye(functions.dimension) / deviations[:, None, None] ** 2
    return Batch(trajectories, steps, np.broadcast_to(precisions, [len(functions), *precisions.shape]))


def _improve_targets(config, functions, number, policy, weights, advance):
    """A `Batch` whose targets are better than the policy and near it, and the dual variables."""
    trajectories, deviations = _sample_runs(config, functions, policy, number)
    samples = dynamics.transitions(trajectories)
    finite = np.isfinite(samples).all(axis=(1, 2, 3))
    if not finite.any():
        raise FloatingPointError(
            f"In iteration {number} the policy leaves the finite numbers on every function: it did not learn to "
            "imitate. Give it more functions."
        )
    prior = dynamics.fit_prior(samples[finite], config.seed)
    states = shift_states(trajectories, config.history)
    seen = observe_all(trajectories, config.history).mean(axis=1)

    def find_target(i):
        """(the target of a function, its dual variable); None if its runs or its model leave the finite numbers."""
        if not finite[i]:
            return None
        try:
            return lqg.solve_constrained(
                dynamics.fit_dynamics(samples[i], prior, 1 + functions.dimension),
                _approximate_cost(functions[i], trajectories.iterates[i, :, 1:].mean(axis=0)),
                states[i, 0, 0],
                linearize(policy, seen[i], deviations),
                config.bound * config.horizon,
                guess=weights[i],
            )
        except (lqg.UnstableModel, np.linalg.LinAlgError):
            return None  # this time; with logistic regression that is rare

    steps, new_weights = np.full_like(trajectories.steps, np.nan), weights.copy()
    precisions = np.zeros([*steps.shape[::2], *[functions.dimension] * 2])
    for i in range(len(functions)):
        found = find_target(i)
        if found is not None:
            target, new_weights[i] = found
            steps[i] = np.einsum("tdn,stn->std", target.gain, states[i]) + target.offset
            precisions[i] = np.linalg.inv(target.covariance)
        advance()
    return Batch(trajectories, steps, precisions), new_weights


def _approximate_cost(function, iterates):
    """The quadratic of a function at iterates `[T, d]`, a `Cost`; concave directions count as flat."""
    gradient = function.values_and_gradients(iterates[None])[1][0]
    eigenvalues, vectors = np.linalg.eigh(function.hessians(iterates[None])[0])
    hessian = (vectors * np.maximum(eigenvalues, 0.0)[:, None]) @ np.swapaxes(vectors, -1, -2)
    return lqg.Cost(hessian, gradient - np.einsum("tij,tj->ti", hessian, iterates))


def _fit_policy(config, batches, policy, seed):
    """The policy that imitates the targets of some batches: the given one fitted further, or a new one."""
    dimension = batches[0].steps.shape[-1]
    seen = _stack([observe_all(batch.trajectories, config.history) for batch in batches], 1)
    steps = _stack([batch.steps for batch in batches], 1)
    precisions = _stack([np.broadcast_to(b.precisions[:, None], [*b.steps.shape, dimension]) for b in batches], 2)
    finite = np.isfinite(steps).all(axis=-1)
    if not finite.any():
        raise FloatingPointError("No function has a target to fit the policy to. Give it more functions.")
    seen, steps, precisions = seen[finite], steps[finite], precisions[finite]
    if policy is None:
        policy = new_policy(seen, dimension, seed, config.history)
    # Only the proportions of the precisions matter; with the mean 1 one learning rate suits all families.
    precisions /= np.einsum("nii->n", precisions).mean() / dimension
    return fit(policy, seen, steps, precisions, config.updates, int(np.random.default_rng(seed).integers(2**31)))


def _stack(arrays, kept):
    """Arrays of any leading dimensions under each other, the last ones kept."""
    return np.concatenate([array.reshape(-1, *array.shape[array.ndim - kept :]) for array in arrays])
