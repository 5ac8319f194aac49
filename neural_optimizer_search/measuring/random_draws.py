"""Random numbers that a run can repeat, no matter what draws them.

`tf.random.normal`, the `random_normal` of Keras 2's backend and their kin keep their state inside TensorFlow, where
no run can set it: a second training with the same seed would draw other numbers. Variational autoencoders draw in
this way in most tutorials.
"""

import contextlib
import unittest.mock
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.ops import gen_random_ops

# Operation of TensorFlow with a hidden state -> the same draw from a given seed.
REPEATABLE = {
    "random_standard_normal": lambda seed, shape, dtype: tf.random.stateless_normal(shape, seed, dtype=dtype),
    "truncated_normal": lambda seed, shape, dtype: tf.random.stateless_truncated_normal(shape, seed, dtype=dtype),
    "random_uniform": lambda seed, shape, dtype: tf.random.stateless_uniform(shape, seed, dtype=dtype),
    "random_uniform_int": lambda seed, shape, minval, maxval: tf.random.stateless_uniform(
        shape, seed, minval, maxval, dtype=minval.dtype
    ),
    "random_shuffle": lambda seed, value: tf.gather(
        value, tf.argsort(tf.random.stateless_uniform(tf.shape(value)[:1], seed))
    ),
    "multinomial": lambda seed, logits, num_samples, output_dtype=tf.int64: tf.random.stateless_categorical(
        logits, num_samples, seed, dtype=output_dtype
    ),
}


@contextlib.contextmanager
def repeatable_draws(generator: tf.random.Generator) -> Iterator[None]:
    """A context in which TensorFlow's random functions draw from a generator, whose state is a variable.

    Args:
      generator: The generator.
    """

    def draw_from(generator, function):
        def draw(*args, seed=0, seed2=0, name=None, **kwargs):
            return function(generator.make_seeds()[:, 0], *args, **kwargs)

        return draw

    with contextlib.ExitStack() as stack:
        for name, function in REPEATABLE.items():
            draw = draw_from(generator, function)
            stack.enter_context(unittest.mock.patch.object(gen_random_ops, name, draw))
        yield
