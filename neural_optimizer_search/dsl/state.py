"""What a word may read at one step, for one weight tensor."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neural_optimizer_search.dsl.vocabulary import AVERAGES, OPERANDS
from neural_optimizer_search.operations.protocol import Operations

_BETAS = {name: beta for name, beta, _ in AVERAGES}


def next_average(average: Any, g: Any, beta: float, power: int) -> Any:
    """β·average + (1-β)·g^power."""
    return average + (g**power - average) * (1.0 - beta)


@dataclass(frozen=True)
class State:
    """The gradient, the weights and what else a rule is a function of.

    Attributes:
      ops: The namespace of operations of the arrays' library.
      g, w: The gradient and the weights before the update, of one shape and float dtype.
      averages: {"m", "v", "gamma"} -> the running averages that the rule reads, already updated with `g`.
      iterations: Int scalar, the 0-based number of weight updates so far.
      decay_steps: Int scalar, the number of steps; read by the decay operands only.
      seed: Int of 64 bits with sign. Noise depends on it, on `iterations` and on `place`, and on nothing else.
      place: The position in the rule's string of the word that reads; below 2^16.
    """

    ops: Operations
    g: Any
    w: Any
    averages: Mapping[str, Any]
    iterations: Any
    decay_steps: Any
    seed: Any
    place: Any = 0

    def at(self, place: Any) -> "State":
        """The same for the word at another place."""
        return dataclasses.replace(self, place=place)

    def operand(self, name: str) -> Any:
        """What an operand is here."""
        return OPERANDS[name].value(self.ops, self)

    # -- What words read -------------------------------------------------------------------------------

    @property
    def t(self) -> Any:
        """`iterations` as a float scalar."""
        return self.ops.scalar(self.iterations)

    @property
    def T(self) -> Any:
        """`decay_steps` as a float scalar."""
        return self.ops.scalar(self.decay_steps)

    @property
    def m(self) -> Any:
        """The average of g, not corrected."""
        return self.averages["m"]

    @property
    def m_hat(self) -> Any:
        """The average of g, bias-corrected."""
        return self._correct("m")

    @property
    def v_hat(self) -> Any:
        """The average of g^2, bias-corrected."""
        return self._correct("v")

    @property
    def gamma_hat(self) -> Any:
        """The average of g^3, bias-corrected."""
        return self._correct("gamma")

    def _correct(self, name):
        """average / (1 - β^(t+1))."""
        # expm1, because 1 - 0.999^1 in float32 is off by 1e-5.
        correction = -self.ops.expm1(self.ops.scalar(self.iterations + 1) * self.ops.math.log(_BETAS[name]))
        return self.averages[name] / self.ops.cast_like(correction, self.g)

    def fill(self, value: Any) -> Any:
        """A number or a scalar as an array of the gradient's shape and dtype."""
        return self.ops.ones_like(self.g) * self.ops.cast_like(value, self.g)

    def normal(self) -> Any:
        """Standard Gaussian noise of the gradient's shape."""
        return self.ops.normal(self.g, self.seed, self.iterations, self.place)

    def uniform(self) -> Any:
        """Random numbers in [0, 1) of the gradient's shape."""
        return self.ops.uniform(self.g, self.seed, self.iterations, self.place)
