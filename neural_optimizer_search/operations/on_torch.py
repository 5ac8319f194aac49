"""Operations on PyTorch tensors, because calls through `keras.ops` take longer than computing with small tensors."""

import math as math
import sys
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]  The types are checked without it.

from neural_optimizer_search.keras_versions import keras
from neural_optimizer_search.operations import newton_schulz
from neural_optimizer_search.operations.newton_schulz import on_matrices as on_matrices

exp, expm1, log = torch.exp, torch.expm1, torch.log
abs, sqrt, square, sigmoid, cos = torch.abs, torch.sqrt, torch.square, torch.sigmoid, torch.cos
tanh, floormod, clip, where = torch.tanh, torch.remainder, torch.clamp, torch.where
mean, reshape, transpose = torch.mean, torch.reshape, torch.t
zeros_like, ones_like = torch.zeros_like, torch.ones_like


def sign(x: torch.Tensor) -> torch.Tensor:
    """-1, 0 or 1, and NaN for NaN, where PyTorch's own gives 0."""
    return torch.sign(x).add_(torch.clamp(x, 0.0, 0.0))  # adds 0 or NaN; `where` takes four times as long


def minimum(x: torch.Tensor, y: Any) -> torch.Tensor:
    """Elementwise minimum; y is a tensor or a number."""
    return torch.minimum(x, y) if torch.is_tensor(y) else torch.clamp(x, max=y)


def maximum(x: torch.Tensor, y: Any) -> torch.Tensor:
    """Elementwise maximum; y is a tensor or a number."""
    return torch.maximum(x, y) if torch.is_tensor(y) else torch.clamp(x, min=y)


def scalar(x: Any) -> torch.Tensor:
    """Converts a number to float32."""
    return x.float() if torch.is_tensor(x) else keras.ops.convert_to_tensor(x, "float32")


def cast_like(x: Any, like: torch.Tensor) -> Any:
    """Casts x to the dtype of another tensor; a Python number stays one."""
    return x.to(like.dtype) if torch.is_tensor(x) else x


def orthogonalize(x: torch.Tensor) -> torch.Tensor:
    """Muon's orthogonalization of a weight tensor; see `newton_schulz.py`."""
    return newton_schulz.orthogonalize(sys.modules[__name__], x)


def mean_inputs(x: torch.Tensor) -> torch.Tensor:
    """The mean over all axes but the last, which are kept with size 1."""
    axes = tuple(range(x.ndim - 1))
    return torch.mean(x, axes, keepdim=True) if axes else x  # PyTorch takes no axes for all of them


def normal(like: torch.Tensor, seed: int, t: Any, place: Any) -> torch.Tensor:
    """Standard Gaussian noise in the dtype of `like`."""
    return _draw("normal", like, like.dtype, (seed, t, place))


def uniform(like: torch.Tensor, seed: int, t: Any, place: Any) -> torch.Tensor:
    """Uniform noise in [0, 1), in float32, so that weights of any dtype are dropped alike."""
    return _draw("uniform", like, torch.float32, (seed, t, place))


@torch.compiler.disable  # it cannot trace NumPy's mixing of the numbers, nor a generator
def _draw(kind, like, dtype, numbers):
    seed, t, place = numbers
    mixed = np.random.SeedSequence([seed % 2**64, int(t), int(place)]).generate_state(1, np.uint64)[0]
    generator = torch.Generator(like.device).manual_seed(int(mixed >> 1))
    # Not `empty_like`, with which the numbers of a transposed gradient would be in another order.
    return getattr(torch.empty(like.shape, dtype=dtype, device=like.device), f"{kind}_")(generator=generator)
