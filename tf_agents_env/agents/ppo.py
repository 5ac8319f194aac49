"""PPO as in the paper: with a moving average of past rewards as its baseline."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.agents.ppo import ppo_clip_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories.time_step import TimeStep

from neural_optimizer_search.arguments import check_fields
from tf_agents_env.agents.adam import adam
from tf_agents_env.networks import BaselineNetwork


@dataclass(frozen=True)
class PPO:
    """Proximal policy optimization (arXiv v2, section 3.2).

    Args:
      learning_rate: Learning rate of Adam; 1e-5 in the paper.
      epochs: Gradient steps per batch; not in the paper.
      clipping: ε; importance ratios are clipped to 1 ± ε; not in the paper.

    Raises:
      ValueError: If a value is out of range.
    """

    learning_rate: float = 1e-5
    epochs: int = 5
    clipping: float = 0.2

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "learning_rate", "epochs", "clipping")

    def agent(
        self, time_step_spec: TimeStep, action_spec: Any, actor: Network, baseline: BaselineNetwork, entropy: float
    ) -> "PPOAgent":
        """Creates the agent; see `AgentSettings`."""
        return PPOAgent(time_step_spec, action_spec, actor, baseline, entropy, self)


class PPOAgent(ppo_clip_agent.PPOClipAgent):
    """PPO whose advantage at every token of an episode is A = R - b.

      loss = -mean(min(r·A, clip(r, 1 - ε, 1 + ε)·A) + c·entropy),  r = p(token)/p_old(token)

    TF-Agents divides by 5n + 1 positions, because the episode's boundary counts with a weight of 0, so the loss shown
    is 5n/(5n + 1) times this.

    Each call of `train` takes one gradient step; calling it again with the same experience is the next epoch.

    Args:
      time_step_spec, action_spec: Specs of a `RuleEnvironment`, as tensor specs.
      actor: A `ControllerNetwork`.
      baseline: A `BaselineNetwork`, which holds b; no gradient reaches it.
      entropy: The coefficient c.
      settings: The settings, a `PPO`.
    """

    def __init__(
        self,
        time_step_spec: TimeStep,
        action_spec: Any,
        actor: Network,
        baseline: BaselineNetwork,
        entropy: float,
        settings: PPO,
    ):
        super().__init__(
            time_step_spec,
            action_spec,
            optimizer=adam(settings.learning_rate, actor),
            actor_net=actor,
            value_net=baseline,
            importance_ratio_clipping=settings.clipping,
            entropy_regularization=entropy,
            num_epochs=1,
            discount_factor=1.0,
            value_pred_loss_coef=0.0,
            normalize_rewards=False,
            normalize_observations=False,
            train_step_counter=tf.Variable(tf.constant(0, tf.int64), trainable=False),
        )

    def get_loss(
        self,
        time_steps: TimeStep,
        actions: Any,
        act_log_probs: tf.Tensor,
        returns: tf.Tensor,
        normalized_advantages: tf.Tensor,
        *rest: Any,
        **named: Any,
    ) -> tf_agent.LossInfo:
        # TF-Agents always normalizes advantages over the batch, whatever the options, which would cancel b.
        advantages = returns - named["old_value_predictions"]
        return super().get_loss(time_steps, actions, act_log_probs, returns, advantages, *rest, **named)

    def _train(self, experience, weights):
        # TF-Agents multiplies the weights by an array `[batch, 5n+1]`.
        loss = super()._train(experience, weights[:, None])
        return loss._replace(extra={"clip_fraction": loss.extra.clip_fraction})
