"""Guided policy search for optimizers (Levine & Abbeel 2014; Li & Malik 2017, sections 3.3 and 5).

Each iteration follows the policy with noise on every function, models what happens, finds a better target near the
policy for each function, and fits the policy to the targets. The trajectories are the policy's own, so targets must
stay near the policy: the dual variable of the bound is also the weight of the penalty on their divergence. In the
paper, and in preset "paper", runs follow the last targets instead, and new targets stay near those; in a prototype of
this, policies diverged late in training.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.lqg import LinearController
from neural_optimizer_search.l2o.momentum import tune_momentum
from neural_optimizer_search.l2o.sampling import FUNCTIONS, STARTS, TRAINING, VALIDATION, WEIGHTS, first_points
from neural_optimizer_search.l2o.step_policy import StepPolicy, fit, new_policy
from neural_optimizer_search.l2o.targets import Batch, imitate_momentum, improve_targets
from neural_optimizer_search.l2o.trajectories import mean_value, observe_all, run, starts
from neural_optimizer_search.objectives import Family


class TrainingState(NamedTuple):
    """The state of a training.

    Attributes:
      number: The iteration; 0 after the imitation of momentum.
      policy: The `StepPolicy` fitted last.
      merit: Mean value on the validation functions over all steps; lower is better.
      best, best_merit: The policy with the lowest merit so far, and its merit.
      batches: The last `Batch`es.
      weights: `[F]`, the last dual variables.
      targets: The last targets, if runs follow them.
      limit: `StepPolicy.limit` of the policies for use.
    """

    number: int
    policy: StepPolicy
    merit: float
    best: StepPolicy
    best_merit: float
    batches: tuple[Batch, ...]
    weights: np.ndarray
    targets: Optional[LinearController] = None
    limit: Optional[np.ndarray] = None

    def choose(self, which: str) -> tuple[StepPolicy, float]:
        """The "best" policy or the "last" one, with the limit, and its merit."""
        policy, merit = {"best": (self.best, self.best_merit), "last": (self.policy, self.merit)}[which]
        return policy._replace(limit=self.limit), merit


def learn(
    config: GuidedPolicySearchConfig,
    family: Family,
    last: Optional[TrainingState] = None,
    advance: Callable[[], object] = lambda: None,
) -> Iterator[TrainingState]:
    """Learns to minimize the functions of a family.

    Args:
      config: The settings.
      family: The family of functions.
      last: The `TrainingState` to continue from; a resumed training gives the same result as an uninterrupted one.
      advance: Called after each function of an iteration.

    Yields:
      A `TrainingState` after each iteration, starting with the imitation of momentum.

    Raises:
      FloatingPointError: If momentum or the policy diverges on too many functions.
    """
    functions = family.sample(config.functions, [config.seed, TRAINING])
    validation = family.sample(config.validation, [config.seed, VALIDATION])
    limit = None if config.limit is None else _find_limit(config, functions)
    start = starts(config.validation, 1, family.dimension, [config.seed, VALIDATION, STARTS])
    for number in range(0 if last is None else last.number + 1, config.iterations + 1):
        if last is None:
            found, batches, policy = imitate_momentum(config, functions), (), None
        else:
            if config.anew:
                functions = family.sample(config.functions, [config.seed, number, FUNCTIONS])
            found = improve_targets(config, functions, number, last.policy, last.weights, last.targets, advance)
            batches, policy = last.batches, last.policy
        batches = (*batches, found.batch)[-config.kept :]
        policy = _fit_policy(config, batches, policy, [config.seed, number, WEIGHTS])
        usable = policy._replace(limit=limit)
        merit = mean_value(run(validation, usable, start, config.validation_steps, config.history))
        if last is None or merit < last.best_merit:
            best, best_merit = policy, merit
        else:
            best, best_merit = last.best, last.best_merit
        last = TrainingState(
            number, policy, merit, best, best_merit, batches, found.weights, found.controllers, limit
        )
        yield last


def _find_limit(config, functions):
    start = first_points(config, functions)
    return np.array([config.limit, *tune_momentum(functions, start, config.horizon, config.history)])


def _fit_policy(config, batches, policy, seed):
    """Fits a policy to the targets of some batches: the given policy, or a new one if it is None."""
    dimension = batches[0].steps.shape[-1]
    # All runs of a function share its precisions: a copy for each run would take gigabytes in 30 dimensions.
    precisions = _stack([batch.precisions for batch in batches], 2)
    firsts = np.cumsum([0, *(len(batch.precisions) * batch.precisions.shape[1] for batch in batches)])
    which = _stack([_number_precisions(batch) + first for batch, first in zip(batches, firsts)], 0)
    seen = _stack([observe_all(batch.trajectories, config.history) for batch in batches], 1)
    steps = _stack([batch.steps for batch in batches], 1)
    with np.errstate(over="ignore"):
        squares = steps**2  # the fit adds them up
    finite = _is_finite(seen).all(axis=-1) & _is_finite(squares).all(axis=-1)
    if not finite.any():
        raise FloatingPointError("No function has a target to fit the policy to. Give it more functions.")
    seen, steps, which = seen[finite], steps[finite], which[finite]
    if policy is None:
        kind = dict(compressed=config.compressed, output_bias=config.output_bias)
        policy = new_policy(seen, dimension, seed, config.history, **kind)
    # Only the ratios of the precisions matter; with a mean of 1, one learning rate suits all families.
    precisions = precisions / (np.einsum("nii->n", precisions)[which].mean() / dimension)
    random = int(np.random.default_rng(seed).integers(2**31))
    policy = fit(policy, seen, steps, precisions, which, config.updates, random)
    if not all(_is_finite(array).all() for array in policy.arrays().values()):
        raise FloatingPointError(
            "The policy has weights that are no finite numbers, because values or gradients of the functions are too "
            "large or too small for float32. Scale the functions."
        )
    return policy


def _is_finite(array):
    """Where numbers are finite in float32, in which policies are fitted and saved."""
    with np.errstate(over="ignore"):
        return np.isfinite(array.astype(np.float32))


def _number_precisions(batch):
    """The place of each step's precision among those of a batch: `[F, S, T]`."""
    functions, runs, steps, _ = batch.steps.shape
    return np.broadcast_to(np.arange(functions * steps).reshape(functions, 1, steps), [functions, runs, steps])


def _stack(arrays, kept):
    """Concatenates arrays, with all but their last `kept` dimensions flattened."""
    return np.concatenate([array.reshape(-1, *array.shape[array.ndim - kept :]) for array in arrays])
