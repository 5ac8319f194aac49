"""Draws batches of rules in episodes, with random numbers that a resumed run repeats."""

from typing import Any

import tensorflow as tf
from tf_agents.environments import tf_py_environment
from tf_agents.policies import tf_policy
from tf_agents.trajectories import Trajectory, trajectory
from tf_agents.utils import common

from tf_agents_env.rule_environment import RuleEnvironment


class StatelessPolicy(tf_policy.TFPolicy):
    """Draws tokens from another policy's distribution; its random numbers depend only on (seed, iteration, pos).

    Args:
      policy: A policy over the observations of a `RuleEnvironment`; its info is passed on.
      seed: Int, below 2^63.
      iteration: Int64 scalar variable, the number of batches drawn before.
    """

    def __init__(self, policy: tf_policy.TFPolicy, seed: int, iteration: tf.Variable):
        super().__init__(
            policy.time_step_spec,
            policy.action_spec,
            policy_state_spec=policy.policy_state_spec,
            info_spec=policy.info_spec,
            clip=False,
        )
        self._policy, self._seed, self._iteration = policy, seed, iteration
        observation: Any = policy.time_step_spec.observation
        self._length = int(observation["pos"].maximum) + 1

    def _variables(self):
        return [*self._policy.variables(), self._iteration]

    def _distribution(self, time_step, policy_state) -> Any:
        return self._policy.distribution(time_step, policy_state)

    def _action(self, time_step: Any, policy_state: Any, seed=None):
        step = self._distribution(time_step, policy_state)
        position = tf.cast(time_step.observation["pos"][0], tf.int64)
        place = self._iteration * self._length + position
        seed = tf.stack([tf.constant(self._seed, tf.int64), place])
        tokens = tf.random.stateless_categorical(step.action.logits, 1, seed, dtype=tf.int32)
        return step._replace(action=tokens[:, 0])


class BatchCollector:
    """Plays one batch of episodes in a `RuleEnvironment`, in a single TensorFlow call.

    Args:
      environment: The `RuleEnvironment`.
      policy: A TF policy over its observations.
    """

    def __init__(self, environment: RuleEnvironment, policy: tf_policy.TFPolicy):
        self._environment, self._policy = tf_py_environment.TFPyEnvironment(environment), policy
        self._length = environment.space.length
        # Traced once, for all positions.
        self._act = common.function(policy.action)
        self._play = common.function(self._play_episodes)

    def __call__(self) -> Trajectory:
        """Returns a `Trajectory` `[batch, 5n+1]` whose last frame is the boundary of the episodes.

        Without that frame, PPO takes every return to be 0.
        """
        return self._play()

    def _play_episodes(self):
        # TF-Agents does not declare that `reset` and `step` return a `TimeStep`.
        step: Any = self._environment.reset()
        frames, state = [], self._policy.get_initial_state(self._environment.batch_size)
        for _ in range(self._length + 1):
            action = self._act(step, state)
            following: Any = self._environment.step(action.action)
            frames.append(trajectory.from_transition(step, action, following))
            step, state = following, action.state
        return tf.nest.map_structure(lambda *values: tf.stack(values, axis=1), *frames)
