"""What the words of the language and the decays compute with: one namespace of functions a library of arrays."""

import importlib
from typing import cast

from neural_optimizer_search.keras_versions import BACKEND
from neural_optimizer_search.operations.protocol import Operations

# TensorFlow's own functions, which are Keras 2's, too, and what the children of a search are trained with.
_MODULES = {"tensorflow": "on_tensorflow", "jax": "on_keras", "torch": "on_keras"}


def of_backend() -> Operations:
    """The namespace of the backend that Keras runs on."""
    return cast(Operations, importlib.import_module(f"{__name__}.{_MODULES[BACKEND]}"))
