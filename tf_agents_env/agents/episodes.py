"""An agent that learns from whole episodes with a plain callable."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks.network import Network
from tf_agents.policies import actor_policy
from tf_agents.trajectories.time_step import TimeStep

from tf_agents_env.networks import BaselineNetwork


class EpisodeAgent(tf_agent.TFAgent):
    """Draws tokens with the actor, and learns from each batch of episodes once.

    Args:
      time_step_spec, action_spec: Specs of a `RuleEnvironment`, as tensor specs.
      actor: A `ControllerNetwork`.
      baseline: A `BaselineNetwork`, which holds b.
      learn: Callable (episodes, advantages, weights) -> `LossInfo`. The episodes are a `Trajectory` `[batch, 5n]`
        without the boundary; A = R - b and the weights are `[batch]`. A `tf.Module`'s state is saved.
    """

    def __init__(
        self,
        time_step_spec: TimeStep,
        action_spec: Any,
        actor: Network,
        baseline: BaselineNetwork,
        learn: Callable[[Any, Any, Any], tf_agent.LossInfo],
    ):
        policy = actor_policy.ActorPolicy(time_step_spec, action_spec, actor, clip=False)
        step = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        super().__init__(time_step_spec, action_spec, policy, policy, None, train_step_counter=step)
        self._baseline, self.learn = baseline, learn

    def _train(self, experience, weights):
        episodes = tf.nest.map_structure(lambda x: x[:, :-1], experience)
        advantages = tf.reduce_sum(episodes.reward, axis=1) - self._baseline.baseline
        loss = self.learn(episodes, advantages, weights)
        self.train_step_counter.assign_add(1)
        return loss
