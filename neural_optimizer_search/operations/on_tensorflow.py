"""Operations on TensorFlow tensors, for the children of a search and for optimizers on the TensorFlow backend."""

import math as math
import sys
from typing import Any

import tensorflow as tf

from neural_optimizer_search.operations import newton_schulz
from neural_optimizer_search.operations.newton_schulz import on_matrices as on_matrices

exp, expm1, log = tf.exp, tf.math.expm1, tf.math.log
abs, sqrt, square, sign, sigmoid, cos = tf.abs, tf.sqrt, tf.square, tf.sign, tf.sigmoid, tf.cos
tanh, minimum, maximum, floormod = tf.tanh, tf.minimum, tf.maximum, tf.math.floormod
clip, where, mean, reshape, transpose = tf.clip_by_value, tf.where, tf.reduce_mean, tf.reshape, tf.transpose
zeros_like, ones_like = tf.zeros_like, tf.ones_like


def scalar(x: Any) -> tf.Tensor:
    """Converts a number to float32."""
    return tf.cast(x, tf.float32)


def cast_like(x: Any, like: tf.Tensor) -> tf.Tensor:
    """Casts x to the dtype of another tensor."""
    # `tf.cast` would convert a Python number to float32 first.
    return tf.constant(x, like.dtype) if isinstance(x, (int, float)) else tf.cast(x, like.dtype)


def orthogonalize(x: tf.Tensor) -> tf.Tensor:
    """Muon's orthogonalization of a weight tensor; see `newton_schulz.py`."""
    return newton_schulz.orthogonalize(sys.modules[__name__], x)


def mean_inputs(x: tf.Tensor) -> tf.Tensor:
    """The mean over all axes but the last, which are kept with size 1."""
    return tf.reduce_mean(x, list(range(len(x.shape) - 1)), keepdims=True)


def normal(like: tf.Tensor, seed: Any, t: Any, place: Any) -> tf.Tensor:
    """Standard Gaussian noise in the dtype of `like`."""
    return tf.random.stateless_normal(tf.shape(like), _seed(seed, t, place), dtype=like.dtype)


def uniform(like: tf.Tensor, seed: Any, t: Any, place: Any) -> tf.Tensor:
    """Uniform noise in [0, 1), in float32."""
    return tf.random.stateless_uniform(tf.shape(like), _seed(seed, t, place), dtype=tf.float32)


def _seed(seed, t, place):
    return tf.stack([tf.cast(seed, tf.int64), tf.cast(t, tf.int64) * 2**16 + tf.cast(place, tf.int64)])
