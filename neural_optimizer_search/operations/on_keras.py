"""Operations of `keras.ops`: the optimizers on JAX and on PyTorch."""

import importlib
import math as math
from typing import Any

from neural_optimizer_search.keras_versions import BACKEND, keras

_ops: Any = keras.ops
_draw = importlib.import_module(f"neural_optimizer_search.operations.draws_of_{BACKEND}").draw
exp, expm1, log = _ops.exp, _ops.expm1, _ops.log
abs, sqrt, square, sign, sigmoid = _ops.abs, _ops.sqrt, _ops.square, _ops.sign, _ops.sigmoid
minimum, floormod, clip, where = _ops.minimum, _ops.mod, _ops.clip, _ops.where
zeros_like, ones_like = _ops.zeros_like, _ops.ones_like


def cos(x: Any) -> Any:
    """In the dtype of x; Keras's own makes float32 of float64 on JAX."""
    return cast_like(_ops.cos(x), x)


def scalar(x: Any) -> Any:
    """In float32."""
    return _ops.cast(x, "float32")


def cast_like(x: Any, like: Any) -> Any:
    """The same in the dtype of another tensor."""
    return _ops.cast(x, like.dtype)


def normal(like: Any, seed: int, t: Any, place: Any) -> Any:
    """Standard Gaussian noise in the dtype of `like`."""
    return _draw("normal", like, like.dtype, seed, t, place)


def uniform(like: Any, seed: int, t: Any, place: Any) -> Any:
    """In [0, 1), in float32, so that weights of any dtype are dropped alike."""
    return _draw("uniform", like, scalar(0).dtype, seed, t, place)
