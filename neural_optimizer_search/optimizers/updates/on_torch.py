"""Updates of PyTorch's tensors, in place: what is not allocated is not fetched anew from the operating system."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Optional

import torch  # pyright: ignore[reportMissingImports]  The types are checked without it.

from neural_optimizer_search.keras_versions import keras
from neural_optimizer_search.optimizers.updates import on_keras

read, fit, widen = on_keras.read, on_keras.fit, on_keras.widen


def make_dense(gradient: Any, variable: Any) -> Any:
    """A sparse gradient as a tensor, in which rows of one index are summed."""
    return gradient.to_dense() if getattr(gradient, "is_sparse", False) else gradient


def advance(optimizer: Any, average: Any, g: torch.Tensor, beta: float, power: int) -> torch.Tensor:
    """Updates a running average of g^power, and returns it as a tensor."""
    if average.value.dtype.itemsize < 4:  # the average before it is rounded
        return on_keras.advance(optimizer, average, g, beta, power)
    return average.value.lerp_(g if power == 1 else g**power, 1.0 - beta)


def step_down(optimizer: Any, variable: Any, rate: Any, direction: Any) -> None:
    """variable <- variable - rate * direction."""
    direction = fit(direction, variable)
    variable.value.addcmul_(direction, keras.ops.cast(rate, direction.dtype), value=-1)


def find_kernel(name: str) -> Optional[Callable[..., Any]]:
    """None: PyTorch has none."""
    return None


def without_gradients() -> AbstractContextManager:
    """Within it nothing is recorded to be differentiated."""
    return torch.no_grad()


def of_signs(function: Callable[[Any], Any], x: Any, signs: torch.Tensor) -> torch.Tensor:
    """`function` of x times signs, each of which is -1, 0 or 1."""
    return function(x * signs)
