"""A child: a small model and its data. A rule is measured by how well it trains the child."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Optional, cast

import tensorflow as tf

from neural_optimizer_search.tasks.data_hash import hash_examples

VALIDATION_BATCH = 500
VALIDATION_BATCHES = 20  # maximum; each is a copy of the model in the graph


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of a batch, in nats."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def minimize_cross_entropy(model: tf.keras.Model, batch: tuple[Any, Any]) -> tf.Tensor:
    """A step of training on images and their labels; returns the loss."""
    images, labels = batch
    with tf.GradientTape() as tape:
        loss = cross_entropy(labels, model(images, training=True))
    weights, optimizer = model.trainable_variables, cast(tf.keras.optimizers.Optimizer, model.optimizer)
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return loss


def measure_accuracy(model: tf.keras.Model, data: Any) -> tf.Tensor:
    """[accuracy, mean cross-entropy in nats, accuracy] of all examples."""
    total = tf.zeros([2])
    for labels, logits in predict(model, data):
        correct = tf.cast(tf.argmax(logits, 1, tf.int32) == labels, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        total += tf.stack([tf.reduce_sum(correct), tf.reduce_sum(losses)])
    accuracy, loss = tf.unstack(total / length(data))
    return tf.stack([accuracy, loss, accuracy])


class Child(NamedTuple):
    """A model to train, and its data, which are nests of tensors or arrays whose first axis counts examples.

    Attributes:
      make_model: Creates the Keras model with fresh weights. Its optimizer is set afterwards.
      train, validation: Data, such as (inputs, targets).
      batch_size: Examples per step; an epoch is a new random order of all whole batches.
      train_step: (model, batch) -> loss, a scalar. Makes `model.optimizer` update the weights once.
      validate: (model, data) -> float32 [score, loss, metric] on these validation data. Rewards are computed from the
        scores, where higher is better. The learning rate with the lowest loss is chosen. The score is computed from
        the metric, which is reported to users.
      uniform_loss: Loss of a uniform guess, for which the reward "mean_cross_entropy" is 0; None if there is no
        such loss.
      metric_name: The name of the metric.
      scale: The values of the metric that have the scores 0 and 1.
      untrained_loss: Validation loss of a fresh model with the protocol's first seed, which is the same in each
        process; None if unknown.
      notes: Sentences about differences from `fit` in the treatment of a user's own model or data.
      is_plain: Whether the score is computed from targets and predictions, not by the user's own step.
    """

    make_model: Callable[[], tf.keras.Model]
    train: Any
    validation: Any
    batch_size: int
    train_step: Callable[[tf.keras.Model, Any], tf.Tensor] = minimize_cross_entropy
    validate: Callable[[tf.keras.Model, Any], tf.Tensor] = measure_accuracy
    uniform_loss: Optional[float] = None
    metric_name: str = "accuracy"
    scale: tuple[float, float] = (0.0, 1.0)
    untrained_loss: Optional[float] = None
    notes: tuple[str, ...] = ()
    is_plain: bool = True


def predict(model: tf.keras.Model, data: Any) -> Iterator[tuple[Any, Any]]:
    """Yields (targets, predictions) of all the data, in batches that bound the memory."""
    size = max(VALIDATION_BATCH, -(-length(data) // VALIDATION_BATCHES))
    for start in range(0, length(data), size):
        inputs, targets = rows(data, start, start + size)
        yield targets, model(inputs, training=False)


def hash_data(child: Child) -> dict[str, str]:
    """A hash of each part of the data, "train" and "validation": see `hash_examples`."""
    return {"train": hash_examples(child.train), "validation": hash_examples(child.validation)}


def length(data: Any) -> int:
    """The number of examples."""
    return tf.nest.flatten(data)[0].shape[0]


def gather(data: Any, indices: tf.Tensor) -> Any:
    """The examples with these indices."""
    return tf.nest.map_structure(lambda part: tf.gather(part, indices), data)


def rows(data: Any, start: int, stop: int) -> Any:
    """The examples from `start` up to, not including, `stop`."""
    return tf.nest.map_structure(lambda part: part[start:stop], data)


@contextlib.contextmanager
def eager_functions() -> Iterator[None]:
    """Runs `tf.function`s eagerly: a trace takes seconds, and would freeze this step's numbers."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
