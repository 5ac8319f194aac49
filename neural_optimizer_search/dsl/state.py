"""The values that a word may read at one step, for one weight tensor."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neural_optimizer_search.dsl.averages import AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.constants import PAPER, Beta, Constants
from neural_optimizer_search.dsl.families import name_member
from neural_optimizer_search.dsl.vocabulary import OPERANDS
from neural_optimizer_search.operations.protocol import Operations


def next_average(average: Any, value: Any, beta: Beta) -> Any:
    """β·average + (1-β)·value."""
    return average + (value - average) * beta.complement


@dataclass(frozen=True)
class State:
    """The gradient, the weights and everything else that a rule is a function of.

    Attributes:
      ops: The namespace of operations of the arrays' library.
      g, w: The gradient and the weights before the update, with the same shape and float dtype.
      averages: Name of a row or member of `AVERAGES` -> the kept array, for all that the rule reads. All except
        "previous" are already updated with `g`.
      iterations: Int scalar, the 0-based number of weight updates so far.
      decay_steps: Int scalar, the number of steps; read by the decay operands only.
      seed: Signed 64-bit int. Noise depends only on it, on `iterations` and on `place`.
      place: The position in the rule's string of the word that is being computed; below 2^16.
      constants: The `Constants` of the rule.
    """

    ops: Operations
    g: Any
    w: Any
    averages: Mapping[str, Any]
    iterations: Any
    decay_steps: Any
    seed: Any
    place: Any = 0
    constants: Constants = PAPER

    def at(self, place: Any) -> "State":
        """The same state for the word at another place."""
        return dataclasses.replace(self, place=place)

    def operand(self, name: str) -> Any:
        """The value of an operand."""
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
    def is_first(self) -> Any:
        """Whether this is the first update."""
        return self.t < 1.0

    @property
    def epsilon(self) -> Any:
        """δ, which is added to divisors."""
        return self.constants.epsilon

    def kept(self, name: str, c: Any = None) -> Any:
        """The kept array of a row of `AVERAGES`; `c` is the number of a member of a family."""
        return self.averages[name if c is None else name_member(name, c)]

    def beta(self, name: str) -> Beta:
        """One of the constants "beta_1", "beta_2" and "beta_3"."""
        return Beta.of(getattr(self.constants, name), self.ops.math.log)

    def beta_of(self, name: str, c: Any = None) -> Beta:
        """The β of a row or member of `AVERAGES`; `c` is the number of a member, if its name has none."""
        row = AVERAGES[name]
        return self.beta(row.beta) if row.beta else self.own_beta(row.constant if c is None else c)

    def own_beta(self, c: Any) -> Beta:
        """The β of a member whose number c is its β."""
        return Beta.of(c, self.ops.math.log)

    def hat(self, name: str, c: Any = None) -> Any:
        """The average of a row of `AVERAGES`, bias-corrected; `c` is the number of a member of a family."""
        return self.correct(self.kept(name, c), self.beta_of(name, c))

    def correct(self, average: Any, beta: Beta, steps_ahead: int = 0) -> Any:
        """average / (1 - β^(t+1)): removes the bias towards 0 that comes from starting at 0."""
        # expm1, because 1 - 0.999^1 in float32 is off by 1e-5.
        correction = -self.ops.expm1(self.ops.scalar(self.iterations + (1 + steps_ahead)) * beta.log)
        return average / self.ops.cast_like(correction, self.g)

    def fill(self, value: Any) -> Any:
        """A number or a scalar as an array of the gradient's shape and dtype."""
        return self.ops.ones_like(self.g) * self.ops.cast_like(value, self.g)

    def each_tensor(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Applies a function to each weight tensor as a whole."""
        return function(*arrays)

    def normal(self) -> Any:
        """Standard Gaussian noise of the gradient's shape."""
        return self.ops.normal(self.g, self.seed, self.iterations, self.place)

    def uniform(self) -> Any:
        """Random numbers in [0, 1) of the gradient's shape."""
        return self.ops.uniform(self.g, self.seed, self.iterations, self.place)


def advance(state: State, kept: Mapping[str, Any], names: Iterable[str]) -> State:
    """Updates the kept arrays with `state.g`, by the rows of `AVERAGES`; returns the state with them.

    Args:
      state: The state with the gradient; its averages are not read.
      kept: The kept arrays after the previous step.
      names: The rows, in the order of `Rule.averages`. The row "previous" stays as it is, because words read the
        previous step's gradient; at the next step it is `state.g`.
    """
    new: dict[str, Any] = dict(kept)
    state = dataclasses.replace(state, averages=new)
    for name in names:
        if name != PREVIOUS:
            new[name] = next_kept(name, kept[name], state)
    return state


def next_kept(name: str, kept: Any, state: State) -> Any:
    """The kept array of a name after this step."""
    row = AVERAGES[name]
    value = row.value(state.ops, state)
    if row.join is not None:
        return row.join(state.ops, kept, value)
    return next_average(kept, value, state.beta_of(name))
