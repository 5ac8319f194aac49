"""The controller: PPO over strings of tokens, paid by the rules' rewards (arXiv v2, sections 3.2 and 4.2)."""

import collections
import json
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.agents.ppo import ppo_clip_agent
from tf_agents.train.utils import spec_utils
from tf_agents.utils import common

from tf_agents_env.checkpoints import Checkpoints
from tf_agents_env.networks import BaselineNetwork, ControllerNetwork
from tf_agents_env.payment import pay
from tf_agents_env.rule_environment import RuleEnvironment
from tf_agents_env.sampling import BatchCollector, StatelessPolicy


@dataclass(frozen=True)
class ControllerConfig:
    """The controller's hyperparameters. The defaults are the paper's where it names a value.

    Args:
      learning_rate: Of Adam; 1e-5.
      batch_size: Rules per iteration; 5.
      epochs: Gradient steps per batch; not in the paper.
      entropy: Coefficient of the entropy bonus; 0.0015.
      clipping: ε of PPO's clipped importance ratio; not in the paper, 0.2 is that of PPO's authors.
      baseline_decay: Of the moving average of rewards; not in the paper.
      units: Hidden state of the LSTM; 150.
      repeat_share: What each repeat of a rule leaves of its pay; 1 pays repeats in full.

    Raises:
      ValueError: If a value is out of range.
    """

    learning_rate: float = 1e-5
    batch_size: int = 5
    epochs: int = 5
    entropy: float = 0.0015
    clipping: float = 0.2
    baseline_decay: float = 0.95
    units: int = 150
    repeat_share: float = 1.0

    def __post_init__(self):
        for field in ("learning_rate", "batch_size", "epochs", "clipping", "units"):
            if not getattr(self, field) > 0:
                raise ValueError(f"Argument `{field}` must be above 0. Received: {getattr(self, field)}.")
        for field in ("entropy", "baseline_decay", "repeat_share"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(
                    f"Argument `{field}` must be in [0, 1]. Received: {getattr(self, field)}."
                )


PRESETS = {
    "paper": ControllerConfig(),
    "fast": ControllerConfig(learning_rate=1e-3, repeat_share=0.5),
}


class MovingBaselineAgent(ppo_clip_agent.PPOClipAgent):
    """PPO whose advantage is R - b, with b from the value network; TF-Agents' own normalizes b away."""

    def get_loss(self, time_steps, actions, log_probs, returns, normalized, *rest, **named):
        advantages = returns - named["old_value_predictions"]
        return super().get_loss(time_steps, actions, log_probs, returns, advantages, *rest, **named)


class _Emitted(tf.train.experimental.PythonState):
    """How often each canonical text was emitted, as a part of the checkpoint."""

    def __init__(self):
        self.counts = collections.Counter()

    def serialize(self):
        return json.dumps(self.counts)

    def deserialize(self, string_value):
        self.counts = collections.Counter(json.loads(string_value))


class PPOController:
    """Draws batches of rules and learns from their rewards.

    Args:
      space: The `SearchSpace` of the rules.
      config: A `ControllerConfig`, such as `PRESETS["fast"]`.
      seed: Int; the initial weights depend on it, and the rules of iteration k on (seed, k) and the weights.
      directory: Where `save` keeps the two newest checkpoints; with None it does nothing.

    Attributes:
      iteration: The number of completed steps.
      emitted: `Counter` of the canonical texts of all rules drawn so far; a part of what `save` saves.
      metrics: Floats of the last step, by name.

    Example:
      >>> from collections import namedtuple
      >>> from neural_optimizer_search import search_space
      >>> Evaluation = namedtuple("Evaluation", "reward")
      >>> controller = PPOController(search_space("signs", depth=1), PRESETS["paper"], seed=0)
      >>> len(controller.step(lambda rules: [Evaluation(1.0 / len(str(rule))) for rule in rules]))
      5
    """

    def __init__(self, space, config, seed, directory=None):
        self.config, self.metrics = config, {}
        self._emitted = _Emitted()
        self._iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._environment = RuleEnvironment(space, None, config.batch_size, self._pay)
        observation_spec, action_spec, time_step_spec = spec_utils.get_tensor_specs(self._environment)
        self._actor = ControllerNetwork(observation_spec, config.units, seed)
        self._baseline = BaselineNetwork(observation_spec)
        self._optimizer = tf.keras.optimizers.Adam(config.learning_rate)
        self._agent = self._make_agent(time_step_spec, action_spec)
        # Before anything is restored, lest the restored moments be made anew.
        self._optimizer.build(self._actor.trainable_variables)
        policy = StatelessPolicy(self._agent.collect_policy, seed, self._iteration)
        self._collect = BatchCollector(self._environment, policy)
        self._train = common.function(self._agent.train)
        self._measure = common.function(self._entropy_and_kl)
        self._checkpoints = directory and Checkpoints(
            directory,
            actor=self._actor,
            baseline=self._baseline,
            optimizer=self._optimizer,
            iteration=self._iteration,
            emitted=self._emitted,
        )

    def _make_agent(self, time_step_spec, action_spec):
        return MovingBaselineAgent(
            time_step_spec,
            action_spec,
            optimizer=self._optimizer,
            actor_net=self._actor,
            value_net=self._baseline,
            importance_ratio_clipping=self.config.clipping,
            entropy_regularization=self.config.entropy,
            # `step` repeats `train`, which is the same, and is traced in a fifth of the time.
            num_epochs=1,
            discount_factor=1.0,
            lambda_value=1.0,
            value_pred_loss_coef=0.0,
            normalize_rewards=False,
            normalize_observations=False,
            train_step_counter=tf.Variable(0, dtype=tf.int64, trainable=False),
        )

    @property
    def iteration(self):
        return int(self._iteration)

    @property
    def emitted(self):
        return self._emitted.counts

    def step(self, score):
        """Draws a batch of rules, has it scored, and learns from what it pays.

        Args:
          score: Called once with the list of `batch_size` `Rule`s; returns their evaluations in that order,
            each with a float `reward`, at least 0. If it raises, the controller stays as it was.

        Returns:
          The evaluations, untouched, in batch order.

        Raises:
          ValueError: If a reward is not finite.
        """
        self._environment.score = score
        experience = self._collect()
        rules, evaluations = self._environment.rules, self._environment.evaluations
        pays = tf.reduce_sum(experience.reward, axis=1)
        if not self.iteration:
            self._baseline.start(pays)
        losses = [self._train(experience) for _ in range(self.config.epochs)]
        self._baseline.update(pays, self.config.baseline_decay)
        texts = [rule.canonical() for rule in rules]
        entropy, kl = self._measure(experience)
        self.metrics = {
            "loss": float(losses[-1].loss),
            "clip_fraction": float(losses[-1].extra.clip_fraction),
            "entropy": float(entropy),
            "kl": float(kl),
            "reward": float(np.mean([evaluation.reward for evaluation in evaluations])),
            "pay": float(tf.reduce_mean(pays)),
            "baseline": float(self._baseline.baseline),
            "repeats": float(np.mean([text in self.emitted for text in texts])),
        }
        self.emitted.update(texts)
        self._iteration.assign_add(1)
        return evaluations

    def save(self):
        """Saves all that the next steps depend on.

        Raises:
          ValueError: If the directory holds checkpoints that were not restored.
        """
        if self._checkpoints:
            self._checkpoints.save(self._iteration)

    def restore(self):
        """Goes back to the newest whole checkpoint, `emitted` included.

        The next steps are then bit for bit those of the run that saved it, if it had the same arguments.

        Returns:
          The number of completed steps; 0 if there is no checkpoint.
        """
        return self.iteration if self._checkpoints and self._checkpoints.restore() else 0

    def _pay(self, rules, rewards):
        return pay(rules, rewards, self.emitted, self.config.repeat_share)

    def _entropy_and_kl(self, experience):
        """Nats per rule: the entropy it was drawn with, and KL(before || after) of the training on it."""
        old = tfp.distributions.Categorical(logits=experience.policy_info["dist_params"]["logits"])
        new, _ = self._actor(experience.observation, experience.step_type)
        spelled = tf.cast(~experience.is_boundary(), tf.float32)

        def per_rule(values):
            return tf.reduce_mean(tf.reduce_sum(values * spelled, axis=1))

        return per_rule(old.entropy()), per_rule(tfp.distributions.kl_divergence(old, new))
