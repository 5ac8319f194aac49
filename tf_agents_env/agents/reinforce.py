"""REINFORCE with a moving average of past rewards for its baseline: what the paper compares with."""

from dataclasses import dataclass

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.policies import actor_policy

from tf_agents_env.agents.adam import adam
from tf_agents_env.settings import check


@dataclass(frozen=True)
class Reinforce:
    """The vanilla policy gradient (Williams, 1992), with which Zoph & Le (2017) trained their controller.

    Args:
      learning_rate: Of Adam.

    Raises:
      ValueError: If a value is out of range.
    """

    learning_rate: float = 1e-5

    epochs = 1  # The gradient is that of the policy that drew the batch, hence of the first step only.

    def __post_init__(self):
        check(self, "above 0", "learning_rate")

    def agent(self, time_step_spec, action_spec, actor, baseline, entropy):
        return ReinforceAgent(time_step_spec, action_spec, actor, baseline, entropy, self)


class ReinforceAgent(tf_agent.TFAgent):
    """One gradient step per batch of rules.

      loss = -mean((R - b)·log p(rule) + c·entropy(rule))

    where log p and the entropy of a rule are sums over its tokens. TF-Agents' agent of this name sums the first and
    takes the mean of the second, so that there c would mean another thing at each depth and in PPO.

    Args:
      time_step_spec, action_spec: Of a `RuleEnvironment`, as tensor specs.
      actor: A `ControllerNetwork`.
      baseline: A `BaselineNetwork`, which holds b.
      entropy: c.
      settings: A `Reinforce`.
    """

    def __init__(self, time_step_spec, action_spec, actor, baseline, entropy, settings):
        policy = actor_policy.ActorPolicy(time_step_spec, action_spec, actor, clip=False)
        step = tf.Variable(0, dtype=tf.int64, trainable=False)
        super().__init__(time_step_spec, action_spec, policy, policy, None, train_step_counter=step)
        self._actor, self._baseline, self._entropy = actor, baseline, entropy
        self._optimizer = adam(settings.learning_rate, actor)

    def _train(self, experience, weights):
        spelled = tf.nest.map_structure(lambda x: x[:, :-1], experience)  # Without the boundary frame.
        advantages = tf.reduce_sum(spelled.reward, axis=1) - self._baseline.baseline
        variables = self._actor.trainable_variables
        with tf.GradientTape() as tape:
            token, _ = self._actor(spelled.observation, spelled.step_type)
            log_p = tf.reduce_sum(token.log_prob(spelled.action), axis=1)
            entropy = tf.reduce_sum(token.entropy(), axis=1)
            loss = -tf.reduce_mean(weights * (advantages * log_p + self._entropy * entropy))
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self.train_step_counter.assign_add(1)
        return tf_agent.LossInfo(loss, extra={})
