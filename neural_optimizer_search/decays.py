"""Decay functions f(t, T) of the step t and the number of steps T (arXiv v2, section 4.1).

t is 0-based and counts weight updates. Each function takes a namespace of operations (`operations/`) and float
scalars or arrays of its library, and returns a result of the same dtype.
"""

import math
import numbers
import re
from dataclasses import dataclass
from typing import Any, Optional

from neural_optimizer_search.dsl.numbers import NUMBER
from neural_optimizer_search.operations import of_backend
from neural_optimizer_search.operations.protocol import Operations


def linear(ops: Operations, t: Any, T: Any) -> Any:
    """ld = 1 - t/T; 0 past T."""
    return 1.0 - ops.minimum(t, T) / T


def cyclical(ops: Operations, t: Any, T: Any, n: float = 0.5) -> Any:
    """cd_n = (1 + cos(2πn·t/T)) / 2; past T it keeps its value at T. n = 1/2 is cosine decay, 1 -> 0."""
    return 0.5 * (1.0 + ops.cos(2.0 * n * ops.math.pi * ops.minimum(t, T) / T))


def restart(ops: Operations, t: Any, T: Any, n: float) -> Any:
    """rd_n = (1 + cos(π·((t·n) mod T)/T)) / 2; 0 from T on, where the formula would start again at 1."""
    decayed = 0.5 * (1.0 + ops.cos(ops.math.pi * ops.floormod(t * n, T) / T))
    return ops.where(t < T, decayed, ops.zeros_like(decayed))


def annealed_noise_stddev(t: Any, variance_decay: float = 0.55) -> Any:
    """Standard deviation of ε_t ~ N(0, 1/(1+t)^0.55), where 1/(1+t)^0.55 is the variance."""
    return (1.0 + t) ** (-variance_decay / 2)


_KINDS = {"ld": linear, "cd": cyclical, "rd": restart}
_NAME = re.compile(rf"(\w\w)(?:_({NUMBER}))?")
_ALLOWED = '"ld", "cd", "cd_n" or "rd_n" with a number n > 0, such as "cd_1" or "rd_20"'


@dataclass(frozen=True)
class Decay:
    """A named decay: called with (t, T), it returns f(t, T). Tensors of Keras's backend give tensors.

    Args:
      name: "ld", "cd" (n = 1/2), "cd_n" or "rd_n" with a number n > 0.

    Raises:
      ValueError: If the name is none of these.

    Example:
      >>> from neural_optimizer_search.decays import Decay
      >>> float(Decay("ld")(25.0, 100.0))
      0.75
    """

    name: str

    def __post_init__(self) -> None:
        self._parts()

    def _parts(self):
        match = _NAME.fullmatch(str(self.name))
        kind, n = match.groups() if match else ("", None)
        periods = (float(n),) if n else ()
        needed = {"ld": (0,), "cd": (0, 1), "rd": (1,)}.get(kind, ())
        if len(periods) not in needed or not all(0 < p < math.inf for p in periods):
            raise ValueError(f"Argument `decay` must be {_ALLOWED}. Received: {self.name!r}.")
        return _KINDS[kind], periods

    def __call__(self, t: Any, T: Any, ops: Optional[Operations] = None) -> Any:
        """f(t, T).

        Args:
          t, T: Numbers, or float scalars or arrays of the library that `ops` is for.
          ops: The namespace of operations; None for that of Keras's backend.
        """
        ops = ops or of_backend()
        if isinstance(T, numbers.Real):
            T = float(T)
        if isinstance(t, numbers.Real):  # a scalar in the dtype of T, if that has one
            t = ops.scalar(t) if isinstance(T, float) else ops.zeros_like(T) + float(t)
        function, periods = self._parts()
        return function(ops, t, T, *periods)
