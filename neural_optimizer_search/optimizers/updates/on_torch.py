"""Updates of PyTorch's tensors, in place, which avoids requesting new memory from the operating system."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Optional

import torch  # pyright: ignore[reportMissingImports]  The types are checked without it.

from neural_optimizer_search.dsl.constants import Beta
from neural_optimizer_search.dsl.state import next_average
from neural_optimizer_search.keras_versions import keras

read: Callable[[Any], torch.Tensor] = keras.ops.convert_to_tensor


def make_dense(gradient: Any, variable: Any) -> Any:
    """A sparse gradient as a tensor, in which rows with the same index are summed."""
    return gradient.to_dense() if getattr(gradient, "is_sparse", False) else gradient


def fit(array: Any, variable: Any) -> torch.Tensor:
    """The array in the variable's shape and dtype, as a tensor."""
    value = variable.value
    tensor = (array if torch.is_tensor(array) else read(array)).to(value.device, value.dtype)
    return tensor if tensor.shape == value.shape else tensor.broadcast_to(value.shape)


def widen(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float32 if its dtype has fewer bits."""
    return tensor if tensor.dtype.itemsize >= 4 else tensor.float()


def advance(optimizer: Any, average: Any, value: torch.Tensor, beta: Beta) -> torch.Tensor:
    """average <- β·average + (1-β)·value; returns it as a tensor."""
    if average.value.dtype.itemsize >= 4:
        return average.value.lerp_(value, beta.complement)
    return replace(optimizer, average, next_average(widen(average.value), value, beta))


def replace(optimizer: Any, kept: Any, value: torch.Tensor) -> torch.Tensor:
    """kept <- value; returns it as a tensor."""
    kept.value.copy_(value)
    return value  # not rounded to 16 bits


def step_down(optimizer: Any, variable: Any, rate: Any, direction: Any) -> None:
    """variable <- variable - rate * direction."""
    value, rate = variable.value, read(rate)
    if value.dtype == direction.dtype:
        value.addcmul_(direction.broadcast_to(value.shape), rate.to(value.dtype), value=-1)
    else:  # rounded once
        value.sub_(rate * direction)


def find_kernel(name: str, variable: Any) -> Optional[Callable[..., None]]:
    """None: PyTorch has no native kernel."""
    return None


def without_gradients() -> AbstractContextManager:
    """A context in which nothing is recorded for differentiation."""
    return torch.no_grad()


def of_signs(function: Callable[[Any], Any], x: Any, signs: torch.Tensor) -> torch.Tensor:
    """`function`(x * signs), where each sign is -1, 0 or 1."""
    return function(x * signs)
