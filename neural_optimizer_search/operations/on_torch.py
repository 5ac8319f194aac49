"""Operations on PyTorch's tensors: `keras.ops` takes longer to call them than small tensors take to compute."""

import math as math
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]  The types are checked without it.

exp, expm1, log = torch.exp, torch.expm1, torch.log
abs, sqrt, square, sign, sigmoid, cos = torch.abs, torch.sqrt, torch.square, torch.sign, torch.sigmoid, torch.cos
floormod, clip, where = torch.remainder, torch.clamp, torch.where
zeros_like, ones_like = torch.zeros_like, torch.ones_like


def minimum(x: Any, y: Any) -> torch.Tensor:
    """The smaller one; y is a tensor or a number."""
    return torch.minimum(x, y) if torch.is_tensor(y) else torch.clamp(x, max=y)


def scalar(x: Any) -> Any:
    """In float32; a number of Python stays one, which takes the dtype of what it is combined with."""
    return x.float() if torch.is_tensor(x) else float(x)


def cast_like(x: Any, like: torch.Tensor) -> Any:
    """The same in the dtype of another tensor; a number of Python stays one."""
    return x.to(like.dtype) if torch.is_tensor(x) else x


def normal(like: torch.Tensor, seed: int, t: Any, place: Any) -> torch.Tensor:
    """Standard Gaussian noise in the dtype of `like`."""
    return _empty(like, like.dtype).normal_(generator=_generator(like, seed, t, place))


def uniform(like: torch.Tensor, seed: int, t: Any, place: Any) -> torch.Tensor:
    """In [0, 1), in float32, so that weights of any dtype are dropped alike."""
    return _empty(like, torch.float32).uniform_(generator=_generator(like, seed, t, place))


def _empty(like, dtype):
    # Not `empty_like`: the numbers of a transposed gradient would lie otherwise.
    return torch.empty(like.shape, dtype=dtype, device=like.device)


def _generator(like, seed, t, place):
    numbers = np.random.SeedSequence([seed % 2**64, int(t), int(place)])
    return torch.Generator(like.device).manual_seed(int(numbers.generate_state(1, np.uint64)[0] >> 1))
