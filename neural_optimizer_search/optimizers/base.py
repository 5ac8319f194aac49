"""An update equation as a Keras optimizer: everything that Keras requires, whatever the equation is."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Optional, Union

from neural_optimizer_search import keras_versions, operations
from neural_optimizer_search.arguments import check_config, check_number
from neural_optimizer_search.dsl.averages import AVERAGES, PREVIOUS, with_needs
from neural_optimizer_search.dsl.constants import PAPER, Constants
from neural_optimizer_search.dsl.families import ANY_NUMBER, make_identifier
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.keras_versions import keras
from neural_optimizer_search.optimizers import updates

LearningRate = Union[float, Callable[..., Any]]

serializable = keras.utils.register_keras_serializable(package="neural_optimizer_search")

_INDEX_BITS = 32


class DirectionOptimizer(keras.optimizers.Optimizer):
    """w <- w - learning_rate * direction, where a subclass defines the direction.

    A subclass defines `averages` and `update_direction`, and `constants` if they are not the paper's. One whose
    update has a native kernel also defines `find_kernel`.

    Args:
      learning_rate: A number of at least 0, or a `LearningRateSchedule`.
      name: The optimizer's name; by default, the name of the class.
      weight_decay: The weight decay, a number of at least 0; None or 0 turns it off.
      **kwargs: The other arguments of every Keras optimizer: `clipnorm`, `clipvalue`, `global_clipnorm`,
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`; with Keras 2 also `jit_compile` (off
        without a GPU), with Keras 3 also `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
      ValueError: If `learning_rate` or `weight_decay` is out of range.
      RuntimeError: If Keras runs on a backend on which it does not train.
    """

    # Named as in the equation's `State`.
    decay_steps: Optional[int] = None
    seed: int = 0

    def __init__(
        self,
        learning_rate: LearningRate,
        name: Optional[str] = None,
        weight_decay: Optional[float] = None,
        **kwargs: Any,
    ) -> None:
        keras_versions.check_backend()  # now, not in the first step
        if weight_decay is not None:
            weight_decay = check_number("weight_decay", weight_decay, f"{ANY_NUMBER.text}, or None", ANY_NUMBER.has)
        kwargs.update(name=name or type(self).__name__, weight_decay=weight_decay or None)
        if not (callable(learning_rate) or keras_versions.is_tensor(learning_rate)):  # a schedule is callable
            allowed = f"{ANY_NUMBER.text}, or a `LearningRateSchedule`"
            learning_rate = check_number("learning_rate", learning_rate, allowed, ANY_NUMBER.has)
        keras_versions.initialize(self, learning_rate, **kwargs)

    @property
    def averages(self) -> tuple[str, ...]:
        """The kept arrays that the equation reads, as names of rows and members of `AVERAGES`."""
        return ()

    @property
    def constants(self) -> Constants:
        """Decay rates of the averages, and δ."""
        return PAPER

    def update_direction(self, step: State) -> Any:
        """The equation: maps the gradient, and whatever else it reads, of one weight tensor to the direction.

        Arrays are of float32, or of the weights' dtype if that has more bits.
        """
        raise NotImplementedError

    def find_kernel(self, variable: Any) -> Optional[Callable[[State, Any], None]]:
        """A native kernel that computes the same update in one pass over the memory, if the variable's dtype has one.

        It is called with a state in which the weights and the averages, not yet updated, are variables, and with the
        learning rate.
        """
        return None

    # -- What Keras calls --------------------------------------------------------------------------

    def build(self, variables: Sequence[Any]) -> None:
        """Creates the running averages, and no other state."""
        if getattr(self, keras_versions.BUILT, False):
            return
        for variable in variables:
            _check_real(variable)
        super().build(variables)
        self._averages = {
            name: [self.add_variable_from_reference(variable, make_identifier(name)) for variable in variables]
            for name in with_needs(set(self.averages))
        }
        setattr(self, keras_versions.BUILT, True)

    # Keras clips a sparse gradient before it sums the rows of a repeated index, and does not accumulate sparse
    # gradients.

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]], *args: Any, **kwargs: Any) -> Any:
        """Applies one update. Sparse gradients are made dense first."""
        pairs = [
            (updates.of_backend().make_dense(gradient, variable), variable) for gradient, variable in grads_and_vars
        ]
        return super().apply_gradients(pairs, *args, **kwargs)

    def apply(self, grads: Sequence[Any], trainable_variables: Optional[Iterable[Any]] = None) -> None:
        """Applies one update in Keras 3."""
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        pairs = itertools.zip_longest(grads, variables[: len(grads)])
        dense = [updates.of_backend().make_dense(gradient, variable) for gradient, variable in pairs]
        super().apply(dense, None if trainable_variables is None else variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any = None) -> None:
        """Updates one variable and its averages; only Keras 3 passes the learning rate."""
        rate = self.learning_rate if learning_rate is None else learning_rate
        with updates.of_backend().without_gradients():
            step, kernel = self._read(gradient, variable), self.find_kernel(variable)
            if kernel is not None:
                kernel(step, rate)
                return
            state, own = self._advance(step), updates.of_backend()
            own.step_down(self, variable, rate, self.update_direction(state))
            if PREVIOUS in step.averages:  # now that nothing reads the previous gradient
                own.replace(self, step.averages[PREVIOUS], state.g)

    def _read(self, gradient, variable):
        """The state before the update, with variables for the weights and the averages."""
        index = keras_versions.variable_index(self, variable)
        return State(
            ops=operations.of_backend(),
            g=updates.of_backend().fit(gradient, variable),
            w=variable,
            averages={name: slots[index] for name, slots in self._averages.items()},
            iterations=updates.of_backend().read(self.iterations),
            decay_steps=self.decay_steps or 1,
            seed=(self.seed << _INDEX_BITS) + index,
            constants=self.constants,
        )

    def _advance(self, step):
        """The same state with arrays, in which the averages already include the gradient."""
        own = updates.of_backend()
        averages = {name: own.widen(own.read(step.averages[name])) for name in step.averages if name == PREVIOUS}
        # Half precision is too coarse for the language: in float16 its δ = 1e-8 is 0, and a zero gradient 0/0.
        g, w = own.widen(step.g), own.widen(own.read(step.w))
        state = dataclasses.replace(step, g=g, w=w, averages=averages)
        for name, variable in step.averages.items():
            if name != PREVIOUS:
                averages[name] = self._next(name, variable, state)
        return state

    def _next(self, name, variable, state):
        """Updates the variable of a kept array, and returns its new value."""
        row, own = AVERAGES[name], updates.of_backend()
        value = row.value(state.ops, state)
        if row.join is None:
            return own.widen(own.advance(self, variable, value, state.beta_of(name)))
        return own.widen(own.replace(self, variable, row.join(state.ops, own.widen(own.read(variable)), value)))

    def get_config(self) -> dict[str, Any]:
        return keras_versions.complete_config(self, super().get_config())

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Optional[Mapping[str, Any]] = None
    ) -> "DirectionOptimizer":
        """Creates an optimizer from a config, even if the other version of Keras wrote it."""
        check_config(cls, config)
        return super().from_config(keras_versions.drop_foreign(config), custom_objects)


def _check_real(variable):
    # In the rules, sign(g)·sign(m) is 1 where g and m agree; for complex numbers, it is -1 where both are i.
    dtype = getattr(variable.dtype, "name", variable.dtype)
    if "complex" in str(dtype):
        raise ValueError(
            "The optimizer's variables must be real; keep the real and the imaginary part in one variable each and "
            f"join them where they are used. Received: {variable.name!r} of dtype {dtype}."
        )
