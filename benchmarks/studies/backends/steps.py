"""Steps of an optimizer on each backend. Only the library of the current backend is imported."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from neural_optimizer_search.keras_versions import BACKEND, keras


class Steps(Protocol):
    """An optimizer and its own weights, which it updates."""

    def take(self, gradients: Sequence[Any]) -> None:
        """Starts one step, which may still be running when this returns."""

    def wait(self) -> None:
        """Waits until all steps are done."""

    def weights(self) -> list[np.ndarray]:
        """The current weights."""
        ...


class TensorFlowSteps:
    """`apply_gradients` in a `tf.function`."""

    def __init__(self, optimizer: Any, weights: Sequence[np.ndarray]) -> None:
        import tensorflow as tf

        self._variables = [tf.Variable(one) for one in weights]
        optimizer.build(self._variables)

        @tf.function
        def step(gradients):
            optimizer.apply_gradients(list(zip(gradients, self._variables)))

        self._step = step

    def take(self, gradients: Sequence[Any]) -> None:
        self._step(gradients)

    def wait(self) -> None:
        self._variables[-1].numpy()

    def weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._variables]


class JaxSteps:
    """A jitted `stateless_apply`, in place: the buffers are donated."""

    def __init__(self, optimizer: Any, weights: Sequence[np.ndarray]) -> None:
        import jax

        variables = [keras.Variable(one) for one in weights]
        optimizer.build(variables)
        # Copies, because the trace reads the variables and donated buffers are gone.
        self._weights = [jax.numpy.array(one.value) for one in variables]
        self._state = [jax.numpy.array(one.value) for one in optimizer.variables]

        def step(weights, state, gradients):
            return optimizer.stateless_apply(state, gradients, weights)

        self._step = jax.jit(step, donate_argnums=(0, 1))
        self._wait = jax.block_until_ready

    def take(self, gradients: Sequence[Any]) -> None:
        self._weights, self._state = self._step(self._weights, self._state, gradients)

    def wait(self) -> None:
        self._wait(self._weights)

    def weights(self) -> list[np.ndarray]:
        return [np.asarray(one) for one in self._weights]


class TorchSteps:
    """`apply`, which runs eagerly."""

    def __init__(self, optimizer: Any, weights: Sequence[np.ndarray]) -> None:
        import torch

        self._cuda = torch.cuda
        self._variables = [keras.Variable(one) for one in weights]
        self._optimizer = optimizer
        optimizer.build(self._variables)

    def take(self, gradients: Sequence[Any]) -> None:
        self._optimizer.apply(gradients, self._variables)

    def wait(self) -> None:
        if self._cuda.is_available():
            self._cuda.synchronize()

    def weights(self) -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(one.value) for one in self._variables]


_STEPS = {"tensorflow": TensorFlowSteps, "jax": JaxSteps, "torch": TorchSteps}


def make_steps(optimizer: Any, weights: Sequence[np.ndarray]) -> Steps:
    """The `Steps` of the current backend, starting from these weights."""
    return _STEPS[BACKEND](optimizer, weights)


def to_tensors(arrays: Sequence[np.ndarray]) -> list[Any]:
    """Arrays as tensors of the current backend, on its device."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return [tf.constant(one) for one in arrays]
    return [keras.ops.convert_to_tensor(one) for one in arrays]


def describe_device() -> str:
    """The device of the current backend, such as "cpu" or "NVIDIA H100 80GB HBM3"."""
    if BACKEND == "jax":
        import jax

        return jax.devices()[0].device_kind
    if BACKEND == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    import tensorflow as tf

    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
