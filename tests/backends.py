"""What a test needs of Keras's backend, for each of them: variables, tensors, gradients, compiled steps."""

import contextlib
import importlib

import numpy as np
import pytest

from neural_optimizer_search.keras_versions import BACKEND, KERAS_3, keras

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax

ONLY_KERAS_3 = pytest.mark.skipif(not KERAS_3, reason="Keras 2 has no such argument")


# -- Variables and tensors -------------------------------------------------------------------------


def variable(value, dtype="float32", name=None):
    """Keras 3's own, as the weights of its models are; TensorFlow's with Keras 2."""
    if KERAS_3:
        return keras.Variable(np.asarray(value), dtype=dtype, name=name)
    return tf.Variable(value, dtype=dtype, name=name)


def tensor(value, dtype="float32"):
    if BACKEND == "tensorflow":
        return tf.constant(value, dtype)
    return keras.ops.convert_to_tensor(np.asarray(value), dtype=dtype)


def array(value):
    """A variable or a tensor as a NumPy array; PyTorch's bfloat16 as float32."""
    return keras.ops.convert_to_numpy(value) if KERAS_3 else value.numpy()


def dtype_of(value):
    """The dtype's name."""
    return keras.backend.standardize_dtype(value.dtype) if KERAS_3 else value.dtype.name


@contextlib.contextmanager
def float64():
    """JAX makes float32 of float64 outside of it; the others need nothing."""
    if BACKEND != "jax":
        yield
        return
    # Older versions of JAX have it there.
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental").enable_x64
    with enable(True):
        yield


def sum_of(values):
    return keras.ops.sum(values) if KERAS_3 else tf.reduce_sum(values)


def transposed(matrix):
    """Of PyTorch's tensors a view."""
    return keras.ops.transpose(matrix) if KERAS_3 else tf.transpose(matrix)


def integer(value):
    """As Keras counts iterations."""
    return tensor(value, "int32" if BACKEND == "jax" else "int64")


def mapped(function, numbers):
    """The values of a function at each of some numbers, as an array: one call, if the backend can."""
    if BACKEND == "tensorflow":
        return tf.function(lambda: tf.map_fn(function, np.asarray(numbers), fn_output_signature=tf.float32))().numpy()
    if BACKEND == "jax":
        return np.asarray(jax.jit(lambda: jax.lax.map(function, np.asarray(numbers)))())
    return np.array([float(function(keras.ops.convert_to_tensor(number))) for number in numbers])


# -- Training --------------------------------------------------------------------------------------


def apply(optimizer, gradients, variables):
    """One step of a loop by hand."""
    optimizer.apply_gradients(list(zip(gradients, variables)))


def gradients_of(loss, variables):
    """The gradients of `loss()`, which reads the variables."""
    if BACKEND == "tensorflow":
        with tf.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, [getattr(each, "value", each) if KERAS_3 else each for each in variables])
    if BACKEND == "jax":
        return jax.grad(_of_values(loss, variables))([each.value for each in variables])
    loss().backward()
    gradients = [each.value.grad for each in variables]
    for each in variables:
        each.value.grad = None
    return gradients


def compiled(optimizer, variables, xla=True):
    """A step by hand as fast as the backend makes it: a function of the gradients.

    Args:
      xla: Of TensorFlow alone: JAX always uses it, PyTorch compiles nothing.
    """
    optimizer.build(variables)
    if BACKEND == "tensorflow":
        return tf.function(lambda gradients: apply(optimizer, gradients, variables), jit_compile=xla)
    if BACKEND == "torch":
        return lambda gradients: optimizer.apply(gradients, variables)
    step = jax.jit(lambda values, state, gradients: optimizer.stateless_apply(state, gradients, values))
    return lambda gradients: _assign(variables, optimizer, *step(*_state(variables, optimizer), gradients))


def steps_of(optimizer, variables, many=False):
    """Steps by hand, compiled where that takes less time: a function of the gradients."""
    # At each step alone, JAX would compile the conditions of an accumulation.
    if BACKEND == "jax" and (many or optimizer.gradient_accumulation_steps):
        return compiled(optimizer, variables)
    return lambda gradients: apply(optimizer, gradients, variables)


def minimize(optimizer, loss, variables, steps):
    """Takes many steps as one call, if the backend can."""
    optimizer.build(variables)

    def step(t=0):
        apply(optimizer, gradients_of(loss, variables), variables)
        return t + 1

    if BACKEND == "tensorflow":
        tf.function(lambda: tf.while_loop(lambda t: t < steps, step, [0]), autograph=False)()
    elif BACKEND == "jax":
        gradients = jax.grad(_of_values(loss, variables))
        loop = jax.jit(
            lambda both: jax.lax.fori_loop(
                0, steps, lambda t, both: optimizer.stateless_apply(both[1], gradients(both[0]), both[0]), both
            )
        )
        _assign(variables, optimizer, *loop(_state(variables, optimizer)))
    else:
        for _ in range(steps):
            step()


def _of_values(loss, variables):
    def of_values(values):
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            return loss()

    return of_values


def _state(variables, optimizer):
    return [each.value for each in variables], [each.value for each in optimizer.variables]


def _assign(variables, optimizer, values, state):
    for each, value in zip([*variables, *optimizer.variables], [*values, *state]):
        each.assign(value)
