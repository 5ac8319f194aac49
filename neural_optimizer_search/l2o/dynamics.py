"""How the next gradient follows from a step: time-varying linear-Gaussian models with a Gaussian mixture as prior.

Levine & Abbeel (2014), section 3.1; Li & Malik (2017), section 5: ten Gaussians. Only the unknown part is modelled:
y' = (f(x') - f(x), ∇f(x')) given (x, y, a). The next iterate x + a and the shift of the history are known.
"""

import warnings
from typing import Any

import numpy as np

from neural_optimizer_search.l2o.linearization import increments
from neural_optimizer_search.l2o.lqg import Dynamics
from neural_optimizer_search.l2o.trajectories import Trajectories

COMPONENTS = 10
# The mixture is only a prior: this many samples suffice, and fitting takes longer with more.
MIXTURE_SAMPLES = 10_000
JITTER = 1e-6


def transitions(trajectories: Trajectories) -> np.ndarray:
    """(x, y, a, y') of each step: `[F, S, T, 2 d + 2 q]` with q = 1 + d; the first y has a change of 0."""
    y = increments(trajectories)
    x, a = trajectories.iterates[..., :-1, :], trajectories.steps
    return np.concatenate([x, y[..., :-1, :], a, y[..., 1:, :]], axis=-1)


def fit_prior(samples: np.ndarray, seed: int, components: int = COMPONENTS) -> Any:
    """Fits a scikit-learn `GaussianMixture` to the transitions of all functions and times.

    Args:
      samples: Transitions, float `[..., p]`.
      seed: Random seed, an int.
      components: Number of Gaussians, or that of the transitions if these are fewer.
    """
    # Imported here so that `nos-learn --help` works without scikit-learn.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    flat = samples.reshape(-1, samples.shape[-1])
    rng = np.random.default_rng(seed)
    chosen = flat[rng.choice(len(flat), min(len(flat), MIXTURE_SAMPLES), replace=False)]
    components = min(components, len(chosen))
    mixture = GaussianMixture(components, reg_covar=JITTER, max_iter=30, init_params="k-means++", random_state=seed)
    with warnings.catch_warnings():
        # Thirty rounds of EM are enough for a prior.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(chosen)


def fit_dynamics(samples: np.ndarray, prior: Any, outputs: int) -> Dynamics:
    """Fits the `Dynamics` of one function: for each time, the last `outputs` numbers conditional on the others.

    The covariance is the posterior mean under a normal-inverse-Wishart prior, whose mean and covariance are those of
    the mixture's Gaussians, weighted by their responsibility for the samples. The prior counts as `outputs` samples
    for the covariance, and its mean as one sample there. The mean is that of the samples.

    Args:
      samples: Transitions of S runs, float `[S, T, p]`.
      prior: The result of `fit_prior`.
      outputs: The number of outputs q.
    """
    count, steps, size = samples.shape
    weights = prior.predict_proba(samples.reshape(-1, size)).reshape(count, steps, -1).mean(axis=0)
    fitted = [_condition(samples[:, t], *_moments(prior, weights[t]), outputs) for t in range(steps)]
    return Dynamics(*(np.stack(parts) for parts in zip(*fitted)))


def _moments(prior, weights):
    """Mean and covariance of the mixture with these weights."""
    mean = weights @ prior.means_
    away = prior.means_ - mean
    return mean, np.tensordot(weights, prior.covariances_, 1) + (weights[:, None] * away).T @ away


def _condition(samples, prior_mean, prior_covariance, outputs):
    count, size = samples.shape
    mean = samples.mean(axis=0)
    away, shift = samples - mean, mean - prior_mean
    scatter = away.T @ away + count / (count + 1) * np.outer(shift, shift) + outputs * prior_covariance
    covariance = scatter / (count + outputs) + JITTER * np.eye(size)
    inputs = size - outputs
    matrix = np.linalg.solve(covariance[:inputs, :inputs], covariance[:inputs, inputs:]).T
    noise = covariance[inputs:, inputs:] - matrix @ covariance[:inputs, inputs:]
    return matrix, mean[inputs:] - matrix @ mean[:inputs], (noise + noise.T) / 2
