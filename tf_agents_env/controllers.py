"""The controller: policy gradients over strings of tokens, driven by the rewards (arXiv v2, section 3.2)."""

import collections
import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.train.utils import spec_utils
from tf_agents.utils import common

from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.local import Parent
from tf_agents_env.checkpoints import Checkpoints
from tf_agents_env.controller_config import ControllerConfig
from tf_agents_env.emitted import Emitted
from tf_agents_env.networks import BaselineNetwork, ControllerNetwork
from tf_agents_env.priority_queue import PriorityQueue
from tf_agents_env.reward_shaping import pay, pay_by_rank
from tf_agents_env.rule_environment import RuleEnvironment, pay_nothing, require_finite
from tf_agents_env.sampling import BatchCollector, StatelessPolicy


class Drawn(NamedTuple):
    """A batch of drawn rules: the `Trajectory` `[batch, 5n+1]`, with no rewards yet, and the logits."""

    experience: Any
    logits: Any

    @property
    def count(self) -> int:
        """The number of rules."""
        return len(self.logits)


class Controller(Algorithm):
    """Draws batches of rules and learns from their rewards.

    Args:
      space: The `Space` of the rules.
      config: A `ControllerConfig`, such as `CONTROLLERS["ppo"]["fast"]`.
      seed: Int of at least 0; sets the initial weights. The rules of proposal k depend only on (seed, k) and on the
        weights.
      directory: Where `save` keeps the two newest checkpoints; with None it does nothing.
      run_id: The run that it proposes for; a checkpoint of another run is not restored.
      latest: The number of proposals whose evaluations are known; later checkpoints are not restored. None restores
        any.
      sizes: Sizes of proposals that differ from the configuration's. Checkpoints do not depend on them.

    Attributes:
      iteration: The number of proposals learned from.
      emitted: `Counter` of the keys of all rules learned from so far; `save` saves it too.
      metrics: Name -> float for the last proposal. Entropy and KL are in nats per rule.

    Example:
      >>> from collections import namedtuple
      >>> from neural_optimizer_search import search_space
      >>> from tf_agents_env.controller_config import CONTROLLERS
      >>> Evaluation = namedtuple("Evaluation", "reward")
      >>> controller = Controller(search_space("signs", depth=1), CONTROLLERS["ppo"]["fast"], seed=0)
      >>> proposal = controller.propose(0)
      >>> controller.learn(proposal, [Evaluation(1.0 / len(str(rule))) for rule in proposal.rules])
      >>> len(proposal.rules), controller.iteration
      (10, 1)
    """

    def __init__(
        self,
        space: Space,
        config: ControllerConfig,
        seed: int,
        directory: Union[str, os.PathLike, None] = None,
        run_id: str = "",
        latest: Optional[int] = None,
        sizes: BatchSizes = OWN,
    ):
        self.config, self.metrics, self._latest, self._sizes = config, {}, latest, sizes
        self._space, self._batches = space, {}
        self._emitted = Emitted()
        self._iteration = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        self._drawn = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        # The rewards of the rules are unknown when they are drawn.
        environment = RuleEnvironment(space, pay_nothing, config.batch_size)
        observation_spec, action_spec, time_step_spec = spec_utils.get_tensor_specs(environment)
        self._actor = ControllerNetwork(observation_spec, config.units, seed)
        self._baseline = BaselineNetwork(observation_spec)
        self._agent = config.algorithm.agent(time_step_spec, action_spec, self._actor, self._baseline, config.entropy)
        self._policy = StatelessPolicy(self._agent.collect_policy, seed, self._drawn)
        self._train = common.function(self._agent.train)
        self._logits = common.function(lambda seen: self._actor(seen.observation, seen.step_type)[0].logits)
        self._compare = common.function(lambda drawn: _entropy_and_kl(drawn.logits, self._logits(drawn.experience)))
        kept: dict[str, Any] = dict(agent=self._agent, iteration=self._iteration, emitted=self._emitted)
        self._queue = None
        if config.queue_size:
            kept["queue"] = self._queue = PriorityQueue(
                space, config.queue_size, self._actor, config.queue_learning_rate
            )
        self._checkpoints = None if directory is None else Checkpoints(directory, run_id, **kept)

    @property
    def iteration(self) -> int:
        return int(self._iteration)

    @property
    def emitted(self) -> "collections.Counter[str]":
        return self._emitted.counts

    def propose(self, number: int) -> Proposal:
        """Draws the batch with this number; the controller stays unchanged.

        Returns:
          A `Proposal` of `batch_size` rules, or as many as `sizes` says.
        """
        environment, draw = self._find_batch(self._sizes.find(number, self.config.batch_size))
        self._drawn.assign(number)
        drawn = draw()
        return Proposal(environment.rules, drawn)

    def _find_batch(self, size):
        """The environment for batches of this size, and the function that draws one."""
        if size not in self._batches:
            environment = RuleEnvironment(self._space, pay_nothing, size)
            collect = BatchCollector(environment, self._policy)

            def draw():
                experience = collect()
                return Drawn(experience, self._logits(experience))

            # Many small TensorFlow calls cost more than their computations.
            self._batches[size] = environment, common.function(draw)
        return self._batches[size]

    def learn(
        self,
        proposal: Proposal,
        evaluations: Sequence[Evaluation],
        population: Optional[Sequence[Parent]] = None,
    ) -> None:
        """Learns from the rewards of a batch; it may have learned from other batches since this one was drawn.

        Args:
          proposal: From `propose`.
          evaluations: Evaluations of its rules, in their order, each with a float `reward`.
          population: The rules to imitate, best first; None for the best rules that it has learned from.

        Raises:
          ValueError: If a reward is not finite; the controller then stays as it was.
        """
        rewards = [float(evaluation.reward) for evaluation in evaluations]
        keys = [getattr(e, "key", "") or rule.canonical() for rule, e in zip(proposal.rules, evaluations)]
        require_finite(proposal.rules, rewards)
        if proposal.drawn is None:
            self._learn_from_others(proposal.rules, rewards, population)
        else:
            self._learn_from_own(proposal, keys, rewards, population)
            self._emitted.has_own = True
        self._emitted.add(keys, rewards)
        self._iteration.assign_add(1)

    def _learn_from_own(self, proposal, keys, rewards, population):
        experience = proposal.drawn.experience
        pays = np.asarray(self._pays(keys, rewards), np.float32)
        # Only the last step of an episode is paid.
        paid = np.zeros(experience.reward.shape, np.float32)
        paid[:, -2] = pays
        learned = self._learn(experience._replace(reward=tf.constant(paid)), tf.constant(pays))
        if self._queue:
            learned["imitation"] = self._imitate(experience.action[:, :-1], rewards, population)
        entropy, kl = map(float, self._compare(proposal.drawn))
        self.metrics = {
            **learned,
            "entropy": entropy,
            "kl": kl,
            "reward": float(np.mean(rewards)),
            "pay": float(np.mean(pays)),
            "baseline": float(self._baseline.baseline),
            "repeats": float(np.mean([key in self.emitted for key in keys])),
        }

    def _learn_from_others(self, rules, rewards, population):
        """Learns from rules that it did not draw; they have no probability, so they can only be imitated."""
        found = [(self._space.embed(rule), reward) for rule, reward in zip(rules, rewards)]
        own = [(string, reward) for string, reward in found if string]
        if self._queue and (own or population):
            strings, rewards = [string for string, _ in own], [reward for _, reward in own]
            steps = 1 if self._emitted.has_own else self.config.start_imitations
            self.metrics = {"imitation": self._imitate(strings, rewards, population, steps)}

    def _imitate(self, tokens, rewards, population, steps=1):
        assert self._queue
        if population is None:
            self._queue.add(tokens, rewards)
        else:
            self._queue.replace([(parent.reward, parent.string) for parent in population])
        return [self._queue.imitate() for _ in range(steps)][-1]

    def save(self) -> None:
        """Saves everything that the next steps depend on.

        Raises:
          ValueError: If the directory holds checkpoints that were not restored.
        """
        if self._checkpoints:
            self._checkpoints.save(self._iteration)

    def restore(self) -> int:
        """Restores the newest complete checkpoint, including `emitted`.

        With the arguments of the run that saved it, the next steps equal that run's, bit for bit.

        Returns:
          The number of proposals learned from; 0 if there is no checkpoint.

        Raises:
          StateLost: If the checkpoint has other settings or belongs to another run.
        """
        return self.iteration if self._checkpoints and self._checkpoints.restore(self._latest) else 0

    def _pays(self, keys, rewards):
        if self.config.rank_power:
            new = self._emitted.find_new(keys, rewards)
            rewards = pay_by_rank(rewards, self._emitted.rewards, self.config.rank_power, new)
        return pay(keys, rewards, self.emitted, self.config.repeat_share)

    def _learn(self, experience, pays):
        """Trains on a batch; returns the metrics of the last epoch."""
        if not self._emitted.has_own:
            self._baseline.start(pays)
        weights = tf.ones_like(pays)
        # Equal to one `train` with this many epochs, which would save 3 ms of 45, but take a second longer to trace.
        for _ in range(self.config.algorithm.epochs):
            loss = self._train(experience, weights)
        self._baseline.update(pays, self.config.baseline_decay)
        return {name: float(value) for name, value in {"loss": loss.loss, **loss.extra}.items()}


def _entropy_and_kl(before, after):
    """The mean entropy per rule before a training step, and the mean KL(before || after), from the logits of both."""
    before, after = (tfp.distributions.Categorical(logits=logits[:, :-1]) for logits in (before, after))

    def per_rule(values):
        return tf.reduce_mean(tf.reduce_sum(values, axis=1))

    return per_rule(before.entropy()), per_rule(tfp.distributions.kl_divergence(before, after))
