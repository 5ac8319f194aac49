"""Updates of TensorFlow's variables, and of Keras 3's, each of which wraps one."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.dsl.constants import Beta
from neural_optimizer_search.dsl.state import next_average
from neural_optimizer_search.operations.on_tensorflow import cast_like

read = tf.convert_to_tensor


def make_dense(gradient: Any, variable: Any) -> Any:
    """A sparse gradient as a tensor of the variable's shape, in which rows with the same index are summed."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    # The variable knows how many rows there are; a gradient may not.
    shape = tf.TensorShape(variable.shape)
    rows = shape[0] if shape.rank and shape[0] is not None else tf.shape(read(variable))[0]
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, rows)


def fit(array: Any, variable: Any) -> tf.Tensor:
    """The array in the variable's shape and dtype, as a tensor."""
    tensor = tf.cast(tf.convert_to_tensor(array), variable.dtype)
    if tensor.shape.is_fully_defined() and tensor.shape == variable.shape:
        return tensor
    return tf.broadcast_to(tensor, tf.shape(read(variable)))


def widen(tensor: tf.Tensor) -> tf.Tensor:
    """The tensor in float32 if its dtype has fewer bits."""
    return tensor if tensor.dtype.size >= 4 else tf.cast(tensor, tf.float32)


def advance(optimizer: Any, average: Any, value: tf.Tensor, beta: Beta) -> tf.Tensor:
    """average <- β·average + (1-β)·value; returns it as a tensor."""
    old = read(average)
    if old.dtype.size >= 4:
        _subtract(average, beta.complement, old - value)
        return read(average)
    return replace(optimizer, average, next_average(widen(old), value, beta))


def replace(optimizer: Any, kept: Any, value: tf.Tensor) -> tf.Tensor:
    """kept <- value; returns it as a tensor."""
    kept.assign(tf.cast(value, kept.dtype))
    return value  # not rounded to 16 bits


def step_down(optimizer: Any, variable: Any, rate: Any, direction: Any) -> None:
    """variable <- variable - rate * direction."""
    _subtract(variable, rate, fit(direction, variable))


def find_kernel(name: str, variable: Any) -> Optional[Callable[..., None]]:
    """TensorFlow's kernel, which makes one pass over the memory; None for bfloat16."""
    if not _has_kernels(variable):
        return None
    kernel = getattr(tf.raw_ops, f"ResourceApply{name}")

    def apply(var: Any, m: Any, grad: tf.Tensor, **numbers: Any) -> None:
        numbers = {argument: cast_like(number, grad) for argument, number in numbers.items()}
        kernel(var=var.handle, m=m.handle, grad=grad, **numbers)

    return apply


def without_gradients() -> AbstractContextManager:
    """Does nothing: a tape of TensorFlow records only what it is told to, and assignments are not differentiated."""
    return nullcontext()


def of_signs(function: Callable[[Any], Any], x: Any, signs: tf.Tensor) -> tf.Tensor:
    """`function`(x * signs), where each sign is -1, 0 or 1."""
    return function(x * signs)


def _subtract(variable, rate, delta):
    """Subtracts in one pass over the memory, where `assign_sub` needs two."""
    rate = tf.cast(rate, delta.dtype)
    if _has_kernels(variable):
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=delta)
    else:
        variable.assign_sub(rate * delta)


def _has_kernels(variable):
    """Whether TensorFlow has its kernels of optimizers for the variable's dtype, on a GPU too."""
    return variable.dtype != "bfloat16"
