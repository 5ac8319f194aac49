"""How array libraries spell the functions of a namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union


@dataclass(frozen=True)
class Functions:
    """How an array library spells the functions of a namespace.

    Attributes:
      module: The module that contains them, such as "tf".
      names: Function -> its name, where that differs from the namespace's.
      scalars: Function -> its name for scalar arguments, in a library whose functions do not take Python numbers; a
        function that is missing gets tensors. None if the library takes numbers.
      limits: Function of two arguments -> a template with `{x}` and `{y}` for a tensor x and a number y, for a
        library whose function does not take a number.
      outputs_first: Whether the first axis of a kernel is that of its outputs, as in PyTorch, and not the last, as in
        Keras and Flax.
    """

    module: str
    names: Mapping[str, str] = field(default_factory=dict)
    scalars: Union[Mapping[str, str], None] = None
    limits: Mapping[str, str] = field(default_factory=dict)
    outputs_first: bool = False

    def name(self, function: str) -> str:
        """The name of a function of arrays."""
        return self.names.get(function, f"{self.module}.{function}")
