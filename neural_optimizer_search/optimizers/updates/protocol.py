"""The interface of the other modules of this package."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Optional, Protocol

from neural_optimizer_search.dsl.constants import Beta


class Updates(Protocol):
    """The operations on gradients and variables that an update needs."""

    def make_dense(self, gradient: Any, variable: Any, /) -> Any:
        """A sparse gradient as an array of the variable's shape, in which rows with the same index are summed."""
        ...

    def fit(self, array: Any, variable: Any, /) -> Any:
        """The array in the variable's shape and dtype."""
        ...

    def read(self, variable: Any, /) -> Any:
        """A variable's value, as an array."""
        ...

    def widen(self, array: Any, /) -> Any:
        """The array in float32 if its dtype has fewer bits."""
        ...

    def advance(self, optimizer: Any, average: Any, value: Any, beta: Beta, /) -> Any:
        """average <- β·average + (1-β)·value; returns it as an array."""
        ...

    def replace(self, optimizer: Any, kept: Any, value: Any, /) -> Any:
        """kept <- value; returns it as an array."""
        ...

    def step_down(self, optimizer: Any, variable: Any, rate: Any, direction: Any, /) -> None:
        """variable <- variable - rate * direction."""
        ...

    def find_kernel(self, name: str, variable: Any, /) -> Optional[Callable[..., None]]:
        """The native kernel of "PowerSign" or "AddSign", if the backend has one for the variable's dtype.

        It takes the arguments of TensorFlow's `ResourceApplyPowerSign` or `ResourceApplyAddSign`, but takes variables
        instead of handles, and numbers of any type.
        """
        ...

    def without_gradients(self) -> AbstractContextManager:
        """A context in which nothing is recorded for differentiation."""
        ...

    def of_signs(self, function: Callable[[Any], Any], x: Any, signs: Any, /) -> Any:
        """`function`(x * signs), where `signs` is an array of -1, 0 and 1."""
        ...
