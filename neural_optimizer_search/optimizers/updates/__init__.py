"""What an update does with gradients and variables, by one namespace of functions a library of arrays."""

from typing import cast

from neural_optimizer_search.keras_versions import module_of_backend
from neural_optimizer_search.optimizers.updates.protocol import Updates


def of_backend() -> Updates:
    """The namespace of the backend that Keras runs on."""
    return cast(Updates, module_of_backend(__name__))
