"""The weights of a network as one vector."""

import tensorflow as tf


def flat(tensors):
    """All elements as one vector, in order."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


def assign(variables, vector):
    """Gives the variables the elements of a vector: undoes `flat`."""
    parts = tf.split(vector, [variable.shape.num_elements() for variable in variables])
    for variable, part in zip(variables, parts):
        variable.assign(tf.reshape(part, variable.shape))
