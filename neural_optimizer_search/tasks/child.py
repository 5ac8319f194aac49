"""A child: a small model and its data, which a rule trains and which measures the rule."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Optional

import tensorflow as tf

VALIDATION_BATCH = 500
VALIDATION_BATCHES = 20  # at most: each is a copy of the model in the graph


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of a batch, in nats."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def accuracy_and_cross_entropy(batches: Iterable[tuple[Any, Any]]) -> tf.Tensor:
    """[accuracy, mean cross-entropy in nats] of all examples of the (labels, logits) of `batches`."""
    total, examples = tf.zeros([2]), 0
    for labels, logits in batches:
        correct = tf.cast(tf.argmax(logits, 1, tf.int32) == labels, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        total += tf.stack([tf.reduce_sum(correct), tf.reduce_sum(losses)])
        examples += labels.shape[0]
    return total / examples


class Child(NamedTuple):
    """What is trained. Data are (inputs, targets): nests of tensors or arrays whose first axis counts examples.

    Attributes:
      make_model: Makes the Keras model, with all its variables.
      train, validation: Data.
      batch_size: Examples a step; an epoch is a new random order of all whole batches.
      loss: (targets, predictions) -> what a training step makes smaller, a scalar.
      measure: Batches of the validation data as (targets, predictions) -> float32 [score, loss]. A reward is made of
        the scores, which are higher the better; the learning rate with the lowest loss is chosen.
      uniform_loss: Loss of a uniform guess, which the reward "mean_cross_entropy" pays nothing; None if there is no
        such loss.
      metric: Batches as for `measure` -> the value that the score is made of, to tell it where a score is 0; None if
        it is the score itself.
    """

    make_model: Callable[[], tf.keras.Model]
    train: Any
    validation: Any
    batch_size: int
    loss: Callable[[Any, Any], tf.Tensor] = cross_entropy
    measure: Callable[[Iterable], tf.Tensor] = accuracy_and_cross_entropy
    uniform_loss: Optional[float] = None
    metric: Optional[Callable[[Iterable], tf.Tensor]] = None


def predict(model: tf.keras.Model, data: Any) -> Iterator[tuple[Any, Any]]:
    """Yields (targets, predictions) of all the data, in batches that bound the memory."""
    size = max(VALIDATION_BATCH, -(-length(data) // VALIDATION_BATCHES))
    for start in range(0, length(data), size):
        batch = slice(start, start + size)
        inputs, targets = tf.nest.map_structure(lambda part, batch=batch: part[batch], data)
        yield targets, model(inputs, training=False)


def length(data: Any) -> int:
    """The number of examples."""
    return tf.nest.flatten(data)[0].shape[0]
