"""Operations of `keras.ops`, on any backend; only the draws are JAX's own."""

import math as math
import sys
from typing import Any

from neural_optimizer_search.keras_versions import keras
from neural_optimizer_search.operations import newton_schulz
from neural_optimizer_search.operations.newton_schulz import on_matrices as on_matrices

_ops: Any = keras.ops
exp, expm1, log = _ops.exp, _ops.expm1, _ops.log
abs, sqrt, square, sign, sigmoid = _ops.abs, _ops.sqrt, _ops.square, _ops.sign, _ops.sigmoid
tanh, minimum, maximum, floormod = _ops.tanh, _ops.minimum, _ops.maximum, _ops.mod
clip, where, mean, reshape, transpose = _ops.clip, _ops.where, _ops.mean, _ops.reshape, _ops.transpose
zeros_like, ones_like = _ops.zeros_like, _ops.ones_like


def cos(x: Any) -> Any:
    """Cosine in the dtype of x; on JAX, Keras's own returns float32 for float64."""
    return cast_like(_ops.cos(x), x)


def scalar(x: Any) -> Any:
    """Converts a number to float32."""
    return _ops.cast(x, "float32")


def cast_like(x: Any, like: Any) -> Any:
    """Casts x to the dtype of another tensor."""
    return _ops.cast(x, like.dtype)


def orthogonalize(x: Any) -> Any:
    """Muon's orthogonalization of a weight tensor; see `newton_schulz.py`."""
    return newton_schulz.orthogonalize(sys.modules[__name__], x)


def mean_inputs(x: Any) -> Any:
    """The mean over all axes but the last, which are kept with size 1."""
    return _ops.mean(x, axis=tuple(range(len(x.shape) - 1)), keepdims=True)


def normal(like: Any, seed: int, t: Any, place: Any) -> Any:
    """Standard Gaussian noise in the dtype of `like`."""
    return _draw("normal", like.shape, like.dtype, (seed, t, place))


def uniform(like: Any, seed: int, t: Any, place: Any) -> Any:
    """Uniform noise in [0, 1), in float32, so that weights of any dtype are dropped alike."""
    return _draw("uniform", like.shape, scalar(0).dtype, (seed, t, place))


def _draw(kind, shape, dtype, numbers):
    # `keras.random` takes a number or a stateful generator as its seed, and neither depends on the step.
    import jax  # pyright: ignore[reportMissingImports]  The types are checked without it.

    seed, t, place = numbers
    key = jax.random.key(seed % 2**32)
    for number in (seed // 2**32 % 2**32, t, place):
        key = jax.random.fold_in(key, number)
    return getattr(jax.random, kind)(key, shape, dtype)
