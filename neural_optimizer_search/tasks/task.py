"""A task: data and the protocols under which update rules are measured on it."""

from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
import tensorflow as tf

VALIDATION_BATCH = 500
VALIDATION_BATCHES = 20  # at most: each is a copy of the model in the graph


class Examples(NamedTuple):
    """Images `[n, height, width, channels]`, float32 in [0, 1] or uint8, and labels `[n]`, int32."""

    images: np.ndarray
    labels: np.ndarray


class Splits(NamedTuple):
    """What a child is trained with, and what it is measured on."""

    train: Examples
    measured: Examples


def cross_entropy(labels, logits):
    """Mean cross-entropy of a batch, in nats."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def accuracy_and_cross_entropy(batches):
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
    """

    make_model: Callable
    train: Any
    validation: Any
    batch_size: int
    loss: Callable = cross_entropy
    measure: Callable = accuracy_and_cross_entropy


def predict(model, data):
    """Yields (targets, predictions) of all the data, in batches that bound the memory."""
    size = max(VALIDATION_BATCH, -(-length(data) // VALIDATION_BATCHES))
    for start in range(0, length(data), size):
        batch = slice(start, start + size)
        inputs, targets = tf.nest.map_structure(lambda part, batch=batch: part[batch], data)
        yield targets, model(inputs, training=False)


def length(data):
    """The number of examples."""
    return tf.nest.flatten(data)[0].shape[0]


@dataclass(frozen=True)
class Task:
    """What the search measures rules on.

    Args:
      name: The name for `--task`.
      classes: Number of classes.
      load: Called with a data directory (or None), returns the `Examples` that protocols cut into training and
        validation. A test split is never among them.
      protocols: Name -> `Protocol`.
      load_test: As `load`, of the test split. None if there is none.
      on_test: Measure on the test split in place of the validation split. Not for a search: for what it found, once.

    Example:
      >>> import dataclasses
      >>> from neural_optimizer_search.tasks import TASKS
      >>> digits = TASKS["digits"]
      >>> final = dataclasses.replace(digits, on_test=True)
      >>> [len(final.splits(digits.protocols["default"])[i].labels) for i in (0, 1)]
      [1200, 97]
    """

    name: str
    classes: int
    load: Callable
    protocols: dict
    load_test: Optional[Callable] = None
    on_test: bool = False

    def __post_init__(self):
        if self.on_test and self.load_test is None:
            raise ValueError(f"Argument `on_test` must be False: the task {self.name!r} has no `load_test`.")

    def child(self, protocol, data_dir=None):
        """The `Child` that rules are measured on."""
        splits = self.splits(protocol, data_dir)
        shape = splits.train.images.shape[1:]
        return Child(lambda: protocol.child(shape, self.classes), *splits, protocol.batch_size)

    def splits(self, protocol, data_dir=None):
        """The fixed `Splits`: the same for every rule, seed and process.

        Raises:
          ValueError: If the protocol wants more examples than there are.
        """
        examples = self.load(data_dir)
        wanted = protocol.train_examples + protocol.validation_examples
        if wanted > len(examples.labels):
            raise ValueError(
                f"The protocol wants {wanted} examples (`train_examples` + `validation_examples`), and the "
                f"task {self.name!r} has {len(examples.labels)}."
            )
        order = np.random.default_rng(0).permutation(len(examples.labels))
        validation, train, _ = np.split(order, [protocol.validation_examples, wanted])
        measured = self.load_test(data_dir) if self.on_test else _select(examples, validation)
        return Splits(*map(_as_float, (_select(examples, train), measured)))


def _select(examples, index):
    return Examples(examples.images[index], examples.labels[index])


def _as_float(examples):
    if examples.images.dtype == np.uint8:
        return examples._replace(images=examples.images.astype(np.float32) / 255.0)
    return examples
