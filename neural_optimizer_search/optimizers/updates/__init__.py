"""Operations on gradients and variables for updates: one namespace of functions per array library."""

from typing import cast

from neural_optimizer_search.keras_versions import check_backend, module_of_backend
from neural_optimizer_search.optimizers.updates.protocol import Updates

_UPDATES = module_of_backend(__name__)


def of_backend() -> Updates:
    """Returns the namespace for the backend that Keras runs on."""
    check_backend()
    return cast(Updates, _UPDATES)
