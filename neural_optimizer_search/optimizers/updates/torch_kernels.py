"""PowerSign and AddSign on PyTorch, where every function of the plain update would go over the memory by itself."""

from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from neural_optimizer_search.keras_versions import keras


def apply_power_sign(optimizer: Any, logbase: float, sign_decay: Any, **arguments: Any) -> None:
    """One update of PowerSign; the arguments are those of TensorFlow's `ResourceApplyPowerSign`."""
    _apply(optimizer, lambda agreement: agreement.mul_(sign_decay).mul_(logbase).exp_(), **arguments)


def apply_add_sign(optimizer: Any, alpha: float, sign_decay: Any, **arguments: Any) -> None:
    """One update of AddSign; the arguments are those of TensorFlow's `ResourceApplyAddSign`."""
    _apply(optimizer, lambda agreement: agreement.mul_(sign_decay).add_(alpha), **arguments)


def _apply(optimizer, factor, var: Any, m: Any, lr: Any, beta: float, grad: Any):
    g, average, w = (_widen(each) for each in (grad, m.value, var.value))
    average = torch.lerp(average, g, 1.0 - beta)
    optimizer.assign(m, average)
    scale = factor(torch.sign(g).mul_(average).sign_()).mul_(keras.ops.cast(lr, g.dtype))
    optimizer.assign(var, torch.addcmul(w, g, scale, value=-1))


def _widen(tensor):
    return tensor if tensor.dtype.itemsize >= 4 else tensor.float()


KERNELS: dict[str, Callable[..., None]] = {"PowerSign": apply_power_sign, "AddSign": apply_add_sign}
