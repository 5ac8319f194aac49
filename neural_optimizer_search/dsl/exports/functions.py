"""How array libraries spell the functions of a namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union


@dataclass(frozen=True)
class Functions:
    """How an array library spells the functions of a namespace.

    Attributes:
      module: The module that has them, such as "tf".
      names: Function -> its name where it is not that of the namespace.
      scalars: Function -> its name where its arguments are scalars, for a library whose functions take no number of
        Python; a function that is not there gets tensors. None if they do.
      limits: Function of two arguments -> a template with `{x}` and `{y}` for a tensor x and a number y, for a
        library whose function takes none.
    """

    module: str
    names: Mapping[str, str] = field(default_factory=dict)
    scalars: Union[Mapping[str, str], None] = None
    limits: Mapping[str, str] = field(default_factory=dict)

    def name(self, function: str) -> str:
        """Of arrays."""
        return self.names.get(function, f"{self.module}.{function}")
