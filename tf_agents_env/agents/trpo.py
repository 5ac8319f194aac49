"""TRPO, with which the ICML version of the paper trains its controller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.agents import tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories.time_step import TimeStep
from tf_agents.utils import common

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.flat_weights import assign, flat
from tf_agents_env.agents.episodes import EpisodeAgent
from tf_agents_env.networks import BaselineNetwork

SHRINK, TRIES = 0.8, 15  # For the line search; its shortest step is 0.8^14 = 4 % of the first.


@dataclass(frozen=True)
class TRPO:
    """Trust region policy optimization (Schulman et al., 2015; ICML version of the paper, section 3.2).

    The paper gives no numbers for it except Adam's learning rate, which TRPO does not use.

    Args:
      kl_radius: δ, the largest mean KL divergence of a token's distribution from the old one, in nats.
      damping: λ, added to the diagonal of the Fisher matrix.
      cg_iterations: Maximum number of iterations of conjugate gradient.

    Raises:
      ValueError: If a value is out of range.
    """

    kl_radius: float = 0.01
    damping: float = 0.1
    cg_iterations: int = 10

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "kl_radius", "cg_iterations")
        check_fields(self, "at least 0", "damping")

    @property
    def epochs(self) -> int:
        """1, because the trust region is around the policy that drew the batch."""
        return 1

    def agent(
        self, time_step_spec: TimeStep, action_spec: Any, actor: Network, baseline: BaselineNetwork, entropy: float
    ) -> EpisodeAgent:
        """Creates the agent; see `AgentSettings`."""
        return EpisodeAgent(time_step_spec, action_spec, actor, baseline, _TrustRegionStep(actor, entropy, self))


class _TrustRegionStep(tf.Module):
    """One step per batch along the natural gradient, as far as a trust region allows.

      L(θ) = mean(r·A + c·entropy),  r = p(token)/p_old(token),  A = R - b
      D(θ) = mean(KL(p_old || p))
      x = (F + λ·I)^-1·∇L,  F = ∇∇D
      θ = θ_old + s·sqrt(2δ / x·Fx)·x

    where means are over the tokens of all rules, derivatives are taken at θ_old, and s is the first of 1, 0.8, 0.8²,
    ... with D(θ) <= δ and L(θ) > L(θ_old). If there is none, θ does not change.
    """

    def __init__(self, actor, entropy, settings):
        super().__init__()
        self._actor, self._entropy, self._settings = actor, entropy, settings
        actor.create_variables()

    def __call__(self, episodes, advantages, weights):
        old = tfp.distributions.Categorical(logits=self._token(episodes).logits)

        def outcome():
            """L and D at the current weights."""
            token = self._token(episodes)
            ratios = tf.exp(token.log_prob(episodes.action) - old.log_prob(episodes.action))
            gains = ratios * advantages[:, None] + self._entropy * token.entropy()
            kl = tfp.distributions.kl_divergence(old, token)
            return tf.reduce_mean(weights[:, None] * gains), tf.reduce_mean(kl)

        before, step = self._natural_step(outcome)

        def is_accepted():
            surrogate, divergence = outcome()
            return (divergence <= self._settings.kl_radius) & (surrogate > before)

        share = self._line_search(step, is_accepted)
        return tf_agent.LossInfo(-before, extra={"step": share, "improvement": outcome()[0] - before})

    def _token(self, episodes):
        return self._actor(episodes.observation, episodes.step_type)[0]

    def _natural_step(self, outcome):
        """L, and the flat step sqrt(2δ / x·Fx)·x, which would take D to δ if D were quadratic."""
        variables = self._actor.trainable_variables
        with tf.GradientTape() as tape:
            surrogate, _ = outcome()
        gradient = flat(tape.gradient(surrogate, variables))
        radius, damping = self._settings.kl_radius, self._settings.damping
        # Traced once for both uses.
        fisher = common.function(lambda v: hessian_product(lambda: outcome()[1], variables, v))
        x = solve_by_conjugate_gradient(lambda v: fisher(v) + damping * v, gradient, self._settings.cg_iterations)
        length = tf.math.divide_no_nan(2 * radius, dot(x, fisher(x)))
        return surrogate, tf.sqrt(length) * x

    def _line_search(self, step, is_accepted):
        """Moves the weights by the largest accepted share of the step; returns the share, 0 if none is accepted."""
        variables = self._actor.trainable_variables
        start = flat(variables)

        def attempt(share, done):
            assign(variables, start + share * SHRINK * step)
            return share * SHRINK, is_accepted()

        share, done = tf.while_loop(
            lambda share, done: ~done, attempt, (1 / SHRINK, tf.constant(False)), maximum_iterations=TRIES
        )
        # Not `start + 0 * step`, because that is NaN if the step is not finite.
        assign(variables, tf.where(done, start + share * step, start))
        return tf.where(done, share, 0.0)


def hessian_product(function: Callable[[], tf.Tensor], variables: Sequence[tf.Variable], v: tf.Tensor) -> tf.Tensor:
    """(∇∇ function)·v, for a function () -> scalar that reads the variables; v and the result are flat."""
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            value = function()
        slope = dot(flat(inner.gradient(value, variables)), v)
    return flat(outer.gradient(slope, variables))


def solve_by_conjugate_gradient(
    product: Callable[[tf.Tensor], tf.Tensor], b: tf.Tensor, iterations: int, tolerance: float = 1e-10
) -> tf.Tensor:
    """Solves F·x = b, where F is symmetric, positive definite, and given by its products.

    Args:
      product: Flat v -> F·v.
      b: The right-hand side, flat.
      iterations: Maximum number of iterations.
      tolerance: The iteration stops when |b - F·x|² is at most this fraction of |b|².
    """

    def improve(x, r, p, rr):
        Fp = product(p)
        alpha = rr / dot(p, Fp)
        x, r = x + alpha * p, r - alpha * Fp
        return x, r, r + dot(r, r) / rr * p, dot(r, r)

    least = tolerance * dot(b, b)
    start = (tf.zeros_like(b), b, b, dot(b, b))
    return tf.while_loop(lambda x, r, p, rr: rr > least, improve, start, maximum_iterations=iterations)[0]


def dot(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Σ xᵢ·yᵢ."""
    return tf.reduce_sum(x * y)
