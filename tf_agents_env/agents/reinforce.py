"""REINFORCE with a moving average of past rewards as its baseline, to which the paper compares PPO."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories.time_step import TimeStep

from neural_optimizer_search.arguments import check_fields
from tf_agents_env.agents.adam import adam
from tf_agents_env.agents.episodes import EpisodeAgent
from tf_agents_env.networks import BaselineNetwork


@dataclass(frozen=True)
class Reinforce:
    """The vanilla policy gradient (Williams, 1992), with which Zoph & Le (2017) trained their controller.

    Args:
      learning_rate: Learning rate of Adam.

    Raises:
      ValueError: If a value is out of range.
    """

    learning_rate: float = 1e-5

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "learning_rate")

    @property
    def epochs(self) -> int:
        """1, because the gradient is only valid at the weights that drew the batch."""
        return 1

    def agent(
        self, time_step_spec: TimeStep, action_spec: Any, actor: Network, baseline: BaselineNetwork, entropy: float
    ) -> EpisodeAgent:
        """Creates the agent; see `AgentSettings`."""
        return EpisodeAgent(time_step_spec, action_spec, actor, baseline, _GradientStep(actor, entropy, self))


class _GradientStep(tf.Module):
    """One gradient step per batch of rules.

      loss = -mean((R - b)·log p(rule) + c·entropy(rule))

    where log p and the entropy of a rule are sums over its tokens. TF-Agents' own REINFORCE agent sums the former and
    averages the latter, so c would have a different meaning at each depth and in PPO.
    """

    def __init__(self, actor, entropy, settings):
        super().__init__()
        self._actor, self._entropy = actor, entropy
        self._optimizer = adam(settings.learning_rate, actor)

    def __call__(self, episodes, advantages, weights):
        variables = self._actor.trainable_variables
        with tf.GradientTape() as tape:
            token, _ = self._actor(episodes.observation, episodes.step_type)
            log_p = tf.reduce_sum(token.log_prob(episodes.action), axis=1)
            entropy = tf.reduce_sum(token.entropy(), axis=1)
            loss = -tf.reduce_mean(weights * (advantages * log_p + self._entropy * entropy))
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return tf_agent.LossInfo(loss, extra={})
