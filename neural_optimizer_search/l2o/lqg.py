"""The linear-quadratic-Gaussian regulator with a bound on the divergence from given controllers (section 3.3).

In these coordinates, the history is a pure shift: a state is s = (x, yₜ, yₜ₋₁, .., yₜ₋ᴴ₊₁) with yₜ
= (f(xₜ) - f(xₜ₋₁), ∇f(xₜ)), so that s' = (x + a, y', yₜ, .., yₜ₋ᴴ₊₂), and only y' has to be modelled. Both passes use
this: they multiply only the rows of x and y' of a matrix over (s, a), and shift the rest. With 337 numbers in a
state, as for the two-layer classifier, a backward step (`_before`) costs a fifth of one with full matrices.
"""

import functools
from typing import NamedTuple

import numpy as np

BRACKET = np.log(4.0)  # the search for the dual variable takes steps of this factor
LEAST_LOG_WEIGHT = np.log(1e-8)  # below this weight, the constraint counts as absent
MOST_LOG_WEIGHT = np.log(1e8)  # above this weight, only the constraint counts


class UnstableModel(ValueError):
    """The model's states grow beyond the resolution of float64, so that the divergence cannot be computed."""


class Dynamics(NamedTuple):
    """y' = matrix · (x, y, a) + offset + noise, for each t < T; q numbers in y, d in x and in a.

    Attributes:
      matrix: `[T, q, d + q + d]`.
      offset: `[T, q]`.
      noise: `[T, q, q]`, its covariance.
    """

    matrix: np.ndarray
    offset: np.ndarray
    noise: np.ndarray


class Cost(NamedTuple):
    """½ xᵀ hessian x + slope·x of the iterate after each step; a hessian is positive semidefinite.

    Attributes:
      hessian: `[T, d, d]`.
      slope: `[T, d]`.
    """

    hessian: np.ndarray
    slope: np.ndarray


class LinearController(NamedTuple):
    """A time-varying linear-Gaussian controller: a ~ N(gain · s + offset, covariance).

    Attributes:
      gain: `[T, d, n]`.
      offset: `[T, d]`.
      covariance: `[T, d, d]`.
    """

    gain: np.ndarray
    offset: np.ndarray
    covariance: np.ndarray


class _Layout:
    """The positions of the parts of s and of (s, a)."""

    def __init__(self, dynamics, n):
        _, q, inputs = dynamics.matrix.shape
        self.d, self.n = (inputs - q) // 2, n
        d = self.d
        self.new = slice(0, d + q)  # x and y' in s'
        self.moved = slice(d + q, n)  # the rest of s' ...
        self.kept = slice(d, n - q)  # ... and where it was in s
        # What x + a and y' are computed from: x, y and a.
        self.inputs = np.r_[0 : d + q, n : n + d]

    def rows(self, dynamics, t):
        """(x + a, y') = matrix · (x, y, a) + offset."""
        d = self.d
        q = len(dynamics.offset[t])
        step = np.concatenate([np.eye(d), np.zeros([d, q]), np.eye(d)], axis=1)
        return np.concatenate([step, dynamics.matrix[t]]), np.concatenate([np.zeros(d), dynamics.offset[t]])


def solve(dynamics: Dynamics, cost: Cost, previous: LinearController, weight: float) -> LinearController:
    """The controller ψ with the lowest Σ E[cost] + weight · Σ E[KL(ψ ‖ previous)], by dynamic programming.

    Args:
      dynamics: The model, a `Dynamics`.
      cost: The `Cost` of the iterates.
      previous: The `LinearController` to stay near.
      weight: Weight of the divergence, a float > 0.

    Returns:
      A `LinearController`.
    """
    steps, d, n = previous.gain.shape
    at = _Layout(dynamics, n)
    found = LinearController(np.empty([steps, d, n]), np.empty([steps, d]), np.empty([steps, d, d]))
    value, slope = np.zeros([n, n]), np.zeros(n)
    for t in reversed(range(steps)):
        value[:d, :d] += cost.hessian[t]
        slope[:d] += cost.slope[t]
        q_matrix, q_slope = _before(at, *at.rows(dynamics, t), value, slope)
        _add_penalty(q_matrix, q_slope, weight, previous, t)
        inverse = np.linalg.inv(q_matrix[n:, n:])
        found.gain[t] = -inverse @ q_matrix[n:, :n]
        found.offset[t] = -inverse @ q_slope[n:]
        found.covariance[t] = weight * (inverse + inverse.T) / 2
        value = q_matrix[:n, :n] + q_matrix[:n, n:] @ found.gain[t]
        value = (value + value.T) / 2
        slope = q_slope[:n] + q_matrix[:n, n:] @ found.offset[t]
    return found


def _before(at, matrix, offset, value, slope):
    """The value of s' as a quadratic in (s, a)."""
    size = at.n + at.d
    q_matrix, q_slope = np.zeros([size, size]), np.zeros(size)
    both = np.ix_(at.inputs, at.inputs)
    q_matrix[at.kept, at.kept] = value[at.moved, at.moved]
    cross = matrix.T @ value[at.new, at.moved]
    q_matrix[at.inputs, at.kept] += cross
    q_matrix[at.kept, at.inputs] += cross.T
    q_matrix[both] += matrix.T @ value[at.new, at.new] @ matrix
    q_slope[at.kept] = slope[at.moved] + value[at.moved, at.new] @ offset
    q_slope[at.inputs] += matrix.T @ (slope[at.new] + value[at.new, at.new] @ offset)
    return q_matrix, q_slope


def _add_penalty(q_matrix, q_slope, weight, previous, t):
    """Adds -w log previous(a | s) up to constants: w/2 (a - gain · s - offset)ᵀ covariance⁻¹ (the same)."""
    precision = weight * np.linalg.inv(previous.covariance[t])
    rows = np.concatenate([-previous.gain[t], np.eye(len(precision))], axis=1)
    scaled = precision @ rows
    q_matrix += rows.T @ scaled
    q_slope -= scaled.T @ previous.offset[t]


def divergence(dynamics: Dynamics, start: np.ndarray, controller: LinearController, other: LinearController) -> float:
    """Σₜ E[KL(controller ‖ other)] over the states that the controller visits from `start`, float `[n]`."""
    at = _Layout(dynamics, len(start))
    mean, covariance = start, np.zeros([len(start)] * 2)
    total = 0.0
    for t in range(len(controller.offset)):
        total += _divergence_at(t, mean, covariance, controller, other)
        mean, covariance = _after(at, dynamics, t, mean, covariance, controller)
    return total


def _divergence_at(t, mean, covariance, controller, other):
    precision = np.linalg.inv(other.covariance[t])
    gain = controller.gain[t] - other.gain[t]
    shift = gain @ mean + controller.offset[t] - other.offset[t]
    spread = controller.covariance[t] + gain @ covariance @ gain.T
    determinants = np.linalg.slogdet(other.covariance[t])[1] - np.linalg.slogdet(controller.covariance[t])[1]
    return 0.5 * (np.sum(precision * spread) + shift @ precision @ shift + determinants - len(shift))


def _after(at, dynamics, t, mean, covariance, controller):
    """Mean and covariance of s'."""
    gain, (matrix, offset) = controller.gain[t], at.rows(dynamics, t)
    with_action = gain @ covariance
    joint = np.block([[covariance, with_action.T], [with_action, with_action @ gain.T + controller.covariance[t]]])
    both = np.concatenate([mean, gain @ mean + controller.offset[t]])
    after = np.empty_like(covariance)
    after[at.new, at.new] = matrix @ joint[np.ix_(at.inputs, at.inputs)] @ matrix.T
    after[at.d : at.new.stop, at.d : at.new.stop] += dynamics.noise[t]
    after[at.new, at.moved] = matrix @ joint[at.inputs, at.kept]
    after[at.moved, at.new] = after[at.new, at.moved].T
    after[at.moved, at.moved] = joint[at.kept, at.kept]
    return np.concatenate([matrix @ both[at.inputs] + offset, both[at.kept]]), after


def solve_constrained(
    dynamics: Dynamics, cost: Cost, start: np.ndarray, previous: LinearController, bound: float, guess: float = 1.0
) -> tuple[LinearController, float]:
    """The controller ψ with the lowest Σ E[cost] subject to Σ E[KL(ψ ‖ previous)] <= bound.

    The dual variable η is the weight of the divergence. A larger weight gives less divergence. Bracketing and SciPy's
    root finder find the η at which the two sides are equal to within a few percent.

    Args:
      dynamics, cost: See `solve`.
      start: The state s₀, float `[n]`.
      previous: The `LinearController` to stay near.
      bound: Largest divergence, summed over the steps, in nats; > 0.
      guess: Initial guess of η; the η of the same function in the last iteration is close.

    Returns:
      (`LinearController`, η).

    Raises:
      UnstableModel: If the model is too unstable to compute the divergence.
    """
    from scipy.optimize import brentq  # imported here so that `nos-learn --help` works without it

    within = {}

    @functools.cache
    def excess(log_weight):
        with np.errstate(all="ignore"):
            found = solve(dynamics, cost, previous, np.exp(log_weight))
            nats = divergence(dynamics, start, found, previous)
        # The divergence cannot be negative, nor large if it has all the weight.
        if not nats > -1e-3 * bound or (log_weight > MOST_LOG_WEIGHT and nats > bound):
            raise UnstableModel(f"The divergence comes out as {nats:.3g}: the model's states explode.")
        if nats <= bound:
            within[log_weight] = found
        return np.log(max(nats, 1e-9) / bound)

    high = np.log(guess)
    while excess(high) > 0:
        high += BRACKET
    low = high - BRACKET
    while excess(low) <= 0 and low > LEAST_LOG_WEIGHT:
        # `low` becomes `high`, because low - BRACKET + BRACKET may differ in the last bits, and the divergence may
        # jump there.
        low, high = low - BRACKET, low
    if excess(low) > 0:
        brentq(excess, low, high, xtol=0.05)
    weight = min(within)
    return within[weight], np.exp(weight)
