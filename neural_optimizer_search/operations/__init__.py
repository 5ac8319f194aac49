"""The operations that words compute with: one namespace of functions per array library."""

from typing import cast

from neural_optimizer_search.keras_versions import check_backend, module_of_backend
from neural_optimizer_search.operations.protocol import Operations

_OPERATIONS = module_of_backend(__name__)


def of_backend() -> Operations:
    """Returns the namespace for the backend that Keras runs on."""
    check_backend()
    return cast(Operations, _OPERATIONS)
