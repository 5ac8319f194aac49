"""Operations on NumPy arrays, for the screen: they take 2 microseconds where TensorFlow's take 80."""

import math as math
import sys
from typing import Any

import numpy as np

from neural_optimizer_search.operations import newton_schulz
from neural_optimizer_search.operations.newton_schulz import on_matrices as on_matrices

exp, expm1, log = np.exp, np.expm1, np.log
abs, sqrt, square, sign, cos = np.abs, np.sqrt, np.square, np.sign, np.cos
tanh, minimum, maximum, floormod = np.tanh, np.minimum, np.maximum, np.mod
clip, where, mean, reshape, transpose = np.clip, np.where, np.mean, np.reshape, np.transpose
zeros_like, ones_like = np.zeros_like, np.ones_like


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return 1.0 / (1.0 + np.exp(-x))


def scalar(x: Any) -> np.ndarray:
    """Converts a number to float64."""
    return np.asarray(x, np.float64)


def cast_like(x: Any, like: Any) -> np.ndarray:
    """Casts x to the dtype of another array."""
    return np.asarray(x, np.asarray(like).dtype)


def orthogonalize(x: np.ndarray) -> np.ndarray:
    """Muon's orthogonalization of a weight tensor; see `newton_schulz.py`."""
    return newton_schulz.orthogonalize(sys.modules[__name__], x)


def mean_inputs(x: np.ndarray) -> np.ndarray:
    """The mean over all axes but the last, which are kept with size 1."""
    return np.mean(x, axis=tuple(range(x.ndim - 1)), keepdims=True)


def normal(like: Any, seed: int, t: int, place: int) -> np.ndarray:
    """Standard Gaussian noise."""
    return _generator(seed, t, place).normal(size=np.shape(like))


def uniform(like: Any, seed: int, t: int, place: int) -> np.ndarray:
    """Uniform noise in [0, 1)."""
    return _generator(seed, t, place).uniform(size=np.shape(like))


def _generator(seed, t, place):
    return np.random.default_rng([seed % 2**64, t, place])
