"""Priority queue training: the controller also imitates the best rules so far."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np
import tensorflow as tf
from tf_agents.networks.network import Network
from tf_agents.utils import common

from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.files import Damaged
from tf_agents_env.agents.adam import adam


class PriorityQueue(tf.Module):
    """The k best distinct rules so far, and the gradient step that makes them likelier (Abolafia et al., 2018).

      loss = -mean(log p(rule)) over the queue

    A checkpoint saves the queue and Adam's moments.

    Args:
      space: The `Space` of the rules.
      size: The number of rules k.
      actor: A `ControllerNetwork` over the space.
      learning_rate: Learning rate of its own Adam.
    """

    def __init__(self, space: Space, size: int, actor: Network, learning_rate: float):
        super().__init__()
        self._space, self._size, self._actor = space, size, actor
        self._best = _Best()
        self._optimizer = adam(learning_rate, actor)
        self._train = common.function(self._gradient_step)

    @property
    def best(self) -> list[list[Any]]:
        """(reward, tokens) of the rules, best first; among equal ones, the oldest first."""
        return self._best.rows

    def add(self, tokens: Union[tf.Tensor, np.ndarray], rewards: Sequence[float]) -> None:
        """Adds a batch, except for rules with a reward of 0 and other spellings of a rule.

        Args:
          tokens: Int `[batch, 5n]`.
          rewards: Floats.
        """
        rows = {}
        for reward, row in [*self.best, *zip(rewards, np.asarray(tokens).tolist())]:
            if reward > 0:
                rows.setdefault(self._space.decode(row).canonical(), [float(reward), row])
        self._best.rows = sorted(rows.values(), key=lambda row: -row[0])[: self._size]

    def replace(self, rows: Iterable[tuple[float, Sequence[int]]]) -> None:
        """Replaces the contents with (reward, tokens) rows, best first."""
        self._best.rows = [[float(reward), list(tokens)] for reward, tokens in rows][: self._size]

    def imitate(self) -> float:
        """Takes one gradient step; returns its loss, or 0 if the queue is empty."""
        if not self.best:
            return 0.0
        # Always k rows, with weight 0 for empty ones, because each new shape would be traced again.
        rows = [tokens for _, tokens in self.best]
        tokens = np.array(rows + rows[:1] * (self._size - len(rows)), np.int32)
        weights = np.arange(self._size) < len(rows)
        return float(self._train(_observation(self._space, tokens), tokens, weights.astype(np.float32) / len(rows)))

    def _gradient_step(self, observation, tokens, weights):
        variables = self._actor.trainable_variables
        with tf.GradientTape() as tape:
            log_p = tf.reduce_sum(self._actor(observation)[0].log_prob(tokens), axis=1)
            loss = -tf.reduce_sum(weights * log_p)
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss


class _Best(tf.train.experimental.PythonState):
    """The rows of the queue, as a part of the checkpoint."""

    def __init__(self):
        self.rows = []

    def serialize(self):
        return json.dumps(self.rows)

    def deserialize(self, string_value):
        try:
            self.rows = [[float(reward), list(map(int, tokens))] for reward, tokens in json.loads(string_value)]
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Damaged(f"another queue of rules than a controller writes: {error!s:.100}") from error


def _observation(space, tokens):
    """The observations of a `RuleEnvironment` while these strings are spelled, `[batch, 5n, ...]`."""
    batch, length = tokens.shape
    start = np.full((batch, 1), max(space.sizes), np.int32)
    masks = [space.legal_tokens(tokens[:, :position]) for position in range(length)]
    return {
        "prev": tf.constant(np.concatenate([start, tokens[:, :-1]], axis=1)),
        "pos": tf.constant(np.tile(np.arange(length, dtype=np.int32), [batch, 1])),
        "mask": tf.constant(np.stack(masks, axis=1).astype(np.int32)),
    }
