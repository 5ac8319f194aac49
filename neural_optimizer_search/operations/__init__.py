"""What the words of the language compute with: one namespace of functions a library of arrays."""

from typing import cast

from neural_optimizer_search.keras_versions import module_of_backend
from neural_optimizer_search.operations.protocol import Operations


def of_backend() -> Operations:
    """The namespace of the backend that Keras runs on."""
    return cast(Operations, module_of_backend(__name__))
