"""Updates through the interface of Keras 3's optimizers, for JAX, where assignments become results."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Optional

from neural_optimizer_search.dsl.constants import Beta
from neural_optimizer_search.dsl.state import next_average
from neural_optimizer_search.keras_versions import keras

_ops: Any = keras.ops
read = _ops.convert_to_tensor


def make_dense(gradient: Any, variable: Any) -> Any:
    """The gradient itself: JAX has no sparse gradients."""
    return gradient


def fit(array: Any, variable: Any) -> Any:
    """The array in the variable's shape and dtype, as a tensor."""
    tensor = _ops.convert_to_tensor(array, variable.dtype)
    return tensor if tensor.shape == variable.shape else _ops.broadcast_to(tensor, variable.shape)


def widen(tensor: Any) -> Any:
    """The tensor in float32 if its dtype has fewer bits."""
    return tensor if tensor.dtype.itemsize >= 4 else _ops.cast(tensor, "float32")


def advance(optimizer: Any, average: Any, value: Any, beta: Beta) -> Any:
    """average <- β·average + (1-β)·value; returns it as a tensor."""
    return replace(optimizer, average, next_average(widen(read(average)), value, beta))


def replace(optimizer: Any, kept: Any, value: Any) -> Any:
    """kept <- value; returns it as a tensor."""
    optimizer.assign(kept, value)
    # Not read back from the variable: this saves one pass over the memory, and does not round to 16 bits.
    return value


def step_down(optimizer: Any, variable: Any, rate: Any, direction: Any) -> None:
    """variable <- variable - rate * direction."""
    direction = _ops.convert_to_tensor(direction)
    optimizer.assign_sub(variable, _ops.cast(rate, direction.dtype) * direction)


def find_kernel(name: str, variable: Any) -> Optional[Callable[..., Any]]:
    """None: XLA fuses the plain update."""
    return None


def without_gradients() -> AbstractContextManager:
    """Does nothing: JAX differentiates only what it is told to."""
    return nullcontext()


def of_signs(function: Callable[[Any], Any], x: Any, signs: Any) -> Any:
    """`function`(x * signs), where each sign is -1, 0 or 1."""
    # Computed for three numbers, not for each weight: with XLA, a power takes six times as long as all the rest of
    # PowerSign.
    minus, zero, plus = (_ops.cast(function(each), signs.dtype) for each in (-x, 0.0 * x, x))
    return _ops.where(signs > 0, plus, _ops.where(signs < 0, minus, zero))
