"""The only module that knows the installed Keras, its backend, and how optimizers of Keras 2 and 3 differ."""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Any

_EXTRAS = "neural-optimizer-search[tensorflow], neural-optimizer-search[jax] or neural-optimizer-search[torch]"


def _find_keras():
    """`tf.keras` if that is Keras 2, else the package `keras`, which is Keras 3."""
    try:
        if _is_keras_2():
            import tensorflow as tf

            return tf.keras
        import keras

        return keras
    except (ImportError, ValueError) as error:  # a ValueError for a KERAS_BACKEND that Keras does not know
        reason = str(error)
    raise ImportError(_advise(reason), name="keras")


def _is_keras_2():
    if os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true") and importlib.util.find_spec("tensorflow"):
        return True
    try:
        return importlib.metadata.version("keras").startswith("2.")
    except importlib.metadata.PackageNotFoundError:
        return False


def _advise(reason):
    there = [name for name in ("jax", "torch") if name in sys.modules or importlib.util.find_spec(name)]
    if importlib.util.find_spec("keras") and there:
        choice = " or ".join(there)
        return (
            f"Keras does not find its backend: set the environment variable KERAS_BACKEND to {choice}, or install "
            f"another one with {_EXTRAS}. Keras says: {reason}"
        )
    return (
        f"neural_optimizer_search needs Keras and a backend of it: install {_EXTRAS}, and for the last two set the "
        f"environment variable KERAS_BACKEND to jax or torch. Python says: {reason}"
    )


# `Any`, because the types of Keras 2 and Keras 3 differ.
keras: Any = _find_keras()

# The package behind `keras`, "keras" or "tf_keras", and its version; `tf.keras` itself has none.
PACKAGE: str = keras.Model.__module__.partition(".")[0]
VERSION: str = sys.modules[PACKAGE].__version__

# False for Keras 2.15 and for tf_keras, which is `tf.keras` if TF_USE_LEGACY_KERAS=1.
KERAS_3 = not VERSION.startswith("2.")

# Before it, Keras 3 takes each gradient of an accumulation for an update: it counts it, and decays the weights.
LOWEST_KERAS_3 = (3, 5)


def _check_version():
    version = tuple(int(part) for part in VERSION.split(".")[:2])
    if KERAS_3 and version < LOWEST_KERAS_3:
        lowest = ".".join(map(str, LOWEST_KERAS_3))
        raise ImportError(
            f"neural_optimizer_search needs Keras 2.15, or Keras {lowest} or later: pip install 'keras>={lowest}'. "
            f"Received: Keras {VERSION}.",
            name="keras",
            path=sys.modules["keras"].__file__,  # there, but too old
        )


_check_version()

BACKEND: str = keras.config.backend() if KERAS_3 else "tensorflow"

# The backends on which Keras trains.
_BACKENDS = ("tensorflow", "jax", "torch")

# The attribute by which Keras itself knows whether an optimizer is built.
BUILT = "built" if KERAS_3 else "_built"


def check_backend() -> None:
    """Raises a RuntimeError if Keras runs on a backend on which it does not train."""
    if BACKEND not in _BACKENDS:
        raise RuntimeError(
            "neural_optimizer_search trains with Keras on TensorFlow, JAX or PyTorch: set the environment variable "
            f"KERAS_BACKEND to tensorflow, jax or torch. Received: {BACKEND!r}."
        )


def module_of_backend(package: str) -> Any:
    """A package's module for the backend, else its module for any backend, which uses `keras.ops`."""
    own = f"{package}.on_{BACKEND}"
    return importlib.import_module(own if importlib.util.find_spec(own) else f"{package}.on_keras")


def require_tensorflow(what: str) -> None:
    """Raises an ImportError that says what to do, unless Keras runs on TensorFlow.

    Args:
      what: What needs TensorFlow, as the beginning of the message.
    """
    if BACKEND != "tensorflow":
        raise ImportError(
            f"{what} needs Keras on TensorFlow: install neural-optimizer-search[tensorflow], and set the environment "
            f"variable KERAS_BACKEND to tensorflow. Received: {BACKEND!r}.",
            name="keras",
        )


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of the backend."""
    if KERAS_3:
        return keras.ops.is_tensor(value)
    import tensorflow as tf

    return tf.is_tensor(value)


def initialize(optimizer: Any, learning_rate: Any, **kwargs: Any) -> None:
    """Calls the constructor of Keras's `Optimizer`; that of Keras 2 takes no learning rate."""
    construct: Any = keras.optimizers.Optimizer.__init__  # its type is Keras 2's
    if KERAS_3:
        construct(optimizer, learning_rate, **kwargs)
    else:
        construct(optimizer, **kwargs)
        optimizer._learning_rate = optimizer._build_learning_rate(learning_rate)


def complete_config(optimizer: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Keras's own config with the learning rate, which Keras 2 leaves to the optimizer."""
    if KERAS_3:
        return dict(config)
    return {**config, "learning_rate": optimizer._serialize_hyperparameter(optimizer._learning_rate)}


def drop_foreign(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without arguments that only the other version of Keras has and that do not affect training."""
    return {key: value for key, value in config.items() if not _is_foreign(key, value)}


def variable_index(optimizer: Any, variable: Any) -> int:
    """The index of a variable among those for which the optimizer was built."""
    if KERAS_3:
        return optimizer._get_variable_index(variable)
    return optimizer._index_dict[optimizer._var_key(variable)]


def _is_foreign(key, value):
    if KERAS_3:
        return key in ("is_legacy_optimizer", "jit_compile")
    return key in ("loss_scale_factor", "gradient_accumulation_steps") and value is None
