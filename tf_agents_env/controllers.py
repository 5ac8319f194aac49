"""The controller: PPO over strings of tokens, paid by the rewards (arXiv v2, section 3.2)."""

import collections
import json
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.train.utils import spec_utils
from tf_agents.utils import common

from tf_agents_env.agents import MovingBaselineAgent
from tf_agents_env.checkpoints import Checkpoints
from tf_agents_env.networks import BaselineNetwork, ControllerNetwork
from tf_agents_env.payment import pay
from tf_agents_env.rule_environment import RuleEnvironment
from tf_agents_env.sampling import BatchCollector, StatelessPolicy


@dataclass(frozen=True)
class ControllerConfig:
    """The controller's hyperparameters; by default those of arXiv v2, section 4.2, if it has them.

    Args:
      learning_rate: Of Adam; 1e-5.
      batch_size: Rules per iteration; 5.
      epochs: Gradient steps per batch; 5, not in the paper.
      entropy: Coefficient of the entropy bonus; 0.0015.
      clipping: ε; importance ratios are clipped to 1 ± ε; 0.2, not in the paper.
      baseline_decay: Of the moving average of rewards, per batch; 0.95, not in the paper.
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
            self._check(field, getattr(self, field) > 0, "above 0")
        for field in ("entropy", "baseline_decay", "repeat_share"):
            self._check(field, 0 <= getattr(self, field) <= 1, "in [0, 1]")

    def _check(self, field, holds, allowed):
        if not holds:
            raise ValueError(
                f"Argument `{field}` must be {allowed}. Received: {getattr(self, field)}."
            )


# "paper" learns nothing visible in 1,000 rules. "fast" was chosen on toy families of base rate 2 %,
# where a baseline that follows the rewards faster mattered most.
PRESETS = {
    "paper": ControllerConfig(),
    "fast": ControllerConfig(
        learning_rate=1e-3, entropy=0.01, baseline_decay=0.5, repeat_share=0.5
    ),
}


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
      seed: Int of at least 0; sets the initial weights. The rules of iteration k depend on (seed, k),
        on the weights, and on nothing else.
      directory: Where `save` keeps the two newest checkpoints; with None it does nothing.

    Attributes:
      iteration: The number of completed steps.
      emitted: `Counter` of the canonical texts of all rules drawn so far; `save` saves it too.
      metrics: Floats of the last step, by name. Entropy and KL are in nats per rule.

    Example:
      >>> from collections import namedtuple
      >>> from neural_optimizer_search import search_space
      >>> Evaluation = namedtuple("Evaluation", "reward")
      >>> controller = PPOController(search_space("signs", depth=1), PRESETS["fast"], seed=0)
      >>> len(controller.step(lambda rules: [Evaluation(1.0 / len(str(r))) for r in rules]))
      5
    """

    def __init__(self, space, config, seed, directory=None):
        self.config, self.metrics = config, {}
        self._emitted = _Emitted()
        self._iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._environment = RuleEnvironment(space, None, config.batch_size, self._pay)
        observation_spec, action_spec, time_step_spec = spec_utils.get_tensor_specs(
            self._environment
        )
        self._actor = ControllerNetwork(observation_spec, config.units, seed)
        self._baseline = BaselineNetwork(observation_spec)
        self._optimizer = tf.keras.optimizers.Adam(config.learning_rate)
        self._agent = MovingBaselineAgent(
            time_step_spec,
            action_spec,
            optimizer=self._optimizer,
            actor=self._actor,
            baseline=self._baseline,
            clipping=config.clipping,
            entropy=config.entropy,
        )
        # Before anything is restored: Adam's moments must exist by then.
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

    @property
    def iteration(self):
        return int(self._iteration)

    @property
    def emitted(self):
        return self._emitted.counts

    def step(self, score):
        """Draws a batch of rules, has it scored, and learns from what it pays.

        Args:
          score: Called once with a list of `batch_size` `Rule`s; returns their evaluations in its
            order, each with a float `reward`. If it raises, the controller stays as it was.

        Returns:
          The evaluations, untouched, in batch order.

        Raises:
          ValueError: If a reward is not finite.
        """
        self._environment.score = score
        experience = self._collect()
        pays = tf.reduce_sum(experience.reward, axis=1)
        if not self.iteration:
            self._baseline.start(pays)
        # As one `train` of so many epochs, which takes five times as long to trace.
        losses = [self._train(experience) for _ in range(self.config.epochs)]
        self._baseline.update(pays, self.config.baseline_decay)
        texts = [rule.canonical() for rule in self._environment.rules]
        evaluations = self._environment.evaluations
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

        With the arguments of the run that saved it, the next steps are that run's, bit for bit.

        Returns:
          The number of completed steps; 0 if there is no checkpoint.
        """
        return self.iteration if self._checkpoints and self._checkpoints.restore() else 0

    def _pay(self, rules, rewards):
        return pay(rules, rewards, self.emitted, self.config.repeat_share)

    def _entropy_and_kl(self, experience):
        """The entropy that the rules were drawn with, and KL(before || after) of the training."""
        logits = experience.policy_info["dist_params"]["logits"]
        before = tfp.distributions.Categorical(logits=logits)
        after, _ = self._actor(experience.observation, experience.step_type)
        spelled = tf.cast(~experience.is_boundary(), tf.float32)

        def per_rule(values):
            return tf.reduce_mean(tf.reduce_sum(values * spelled, axis=1))

        kl = tfp.distributions.kl_divergence(before, after)
        return per_rule(before.entropy()), per_rule(kl)
