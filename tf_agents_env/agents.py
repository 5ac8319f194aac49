"""PPO as the paper has it: with a moving average of past rewards for its baseline."""

import tensorflow as tf
from tf_agents.agents.ppo import ppo_clip_agent


class MovingBaselineAgent(ppo_clip_agent.PPOClipAgent):
    """PPO whose advantage at every token of an episode is A = R - b (arXiv v2, section 3.2).

      loss = -mean(min(r·A, clip(r, 1 - ε, 1 + ε)·A)) - c·mean(entropy),  r = p(token)/p_old(token)

    One gradient step per `train`; calling it again with the same experience is the next epoch.

    Args:
      time_step_spec, action_spec: Of a `RuleEnvironment`, as tensor specs.
      optimizer: A Keras optimizer.
      actor: A `ControllerNetwork`.
      baseline: A `BaselineNetwork`, which holds b; no gradient reaches it.
      clipping: ε.
      entropy: c.
    """

    def __init__(self, time_step_spec, action_spec, optimizer, actor, baseline, clipping, entropy):
        super().__init__(
            time_step_spec,
            action_spec,
            optimizer=optimizer,
            actor_net=actor,
            value_net=baseline,
            importance_ratio_clipping=clipping,
            entropy_regularization=entropy,
            num_epochs=1,
            discount_factor=1.0,
            value_pred_loss_coef=0.0,
            normalize_rewards=False,
            normalize_observations=False,
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False),
        )

    def get_loss(self, time_steps, actions, log_probs, returns, normalized, *rest, **named):
        # TF-Agents normalizes advantages over the batch, whatever the options; that would cancel b.
        advantages = returns - named["old_value_predictions"]
        return super().get_loss(
            time_steps, actions, log_probs, returns, advantages, *rest, **named
        )
