"""The weights of a network as one vector."""

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf


def flat(tensors: Iterable[Any]) -> tf.Tensor:
    """All elements of tensors, variables or gradients as one vector, in order."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


def assign(variables: Sequence[tf.Variable], vector: tf.Tensor) -> None:
    """Gives the variables the elements of a vector: the reverse of `flat`."""
    parts = tf.split(vector, [variable.shape.num_elements() for variable in variables])
    for variable, part in zip(variables, parts):
        variable.assign(tf.reshape(part, variable.shape))
