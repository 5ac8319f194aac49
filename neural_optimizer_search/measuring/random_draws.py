"""Random numbers that a run can repeat, no matter what draws them.

`tf.random.normal`, the `random_normal` of Keras 2's backend and their kin keep their state inside TensorFlow, where
no run can set it: a second training with the same seed would draw other numbers. Variational autoencoders draw in
this way in most tutorials.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from typing import Optional

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

    It concerns only the thread that enters it; others draw as ever, or from a generator of their own.

    Args:
      generator: The generator.
    """
    _replace_draws()
    before = _generator.set(generator)
    try:
        yield
    finally:
        _generator.reset(before)


# The generator of the innermost context that this thread is in; None outside of all.
_generator: contextvars.ContextVar[Optional[tf.random.Generator]] = contextvars.ContextVar("generator", default=None)


@functools.lru_cache
def _replace_draws():
    """Has TensorFlow's operations look for a generator first; without one, they are what they were.

    This is done once and never undone: if each context put the operations back, one of another thread might end in
    between, and put back what this one had replaced.
    """
    for name, function in REPEATABLE.items():
        setattr(gen_random_ops, name, _look_for_generator(getattr(gen_random_ops, name), function))


def _look_for_generator(operation, function):
    @functools.wraps(operation)
    def draw(*args, **kwargs):
        generator = _generator.get()
        if generator is None:
            return operation(*args, **kwargs)
        given = {name: value for name, value in kwargs.items() if name not in ("seed", "seed2", "name")}
        return function(generator.make_seeds()[:, 0], *args, **given)

    return draw
