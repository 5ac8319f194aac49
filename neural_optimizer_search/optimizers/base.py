"""An equation as a Keras optimizer: what Keras asks of it, whatever the equation is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

import tensorflow as tf

from neural_optimizer_search import keras_versions
from neural_optimizer_search.arguments import check_number

LearningRate = Union[float, tf.keras.optimizers.schedules.LearningRateSchedule]

serializable = tf.keras.utils.register_keras_serializable(package="neural_optimizer_search")


class Step(NamedTuple):
    """What an equation may read at one step, for one weight tensor.

    Attributes:
      g: The gradient, dense.
      w: The weights before the update, of the gradient's shape and dtype.
      averages: Name -> the running average, for each of the optimizer's `averages`. For an equation
        they have the gradient in them already. For a kernel `w` and these are variables, not yet
        updated.
      t: Int64 scalar, the 0-based number of weight updates so far.
      index: Int, the place of the weight tensor among those that the optimizer was built for.
    """

    g: tf.Tensor
    w: Union[tf.Variable, tf.Tensor]
    averages: Mapping[str, Union[tf.Variable, tf.Tensor]]
    t: tf.Tensor
    index: int

    def read(self) -> "Step":
        """The same with tensors in place of variables."""
        averages = {name: tf.convert_to_tensor(value) for name, value in self.averages.items()}
        return self._replace(w=tf.convert_to_tensor(self.w), averages=averages)


class DirectionOptimizer(tf.keras.optimizers.Optimizer):
    """w <- w - learning_rate * direction, where a subclass states the direction.

    A subclass defines `averages` and `update_direction`. One whose update TensorFlow has a kernel for also defines
    `apply_kernel`.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      name: The optimizer's name; the default is the class's.
      weight_decay: None or 0 is off.
      **kwargs: What else every Keras optimizer takes: `clipnorm`, `clipvalue`, `global_clipnorm`,
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`; with Keras 2 also `jit_compile` (off
        without a GPU), with Keras 3 also `loss_scale_factor` and `gradient_accumulation_steps`.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        name: Optional[str] = None,
        weight_decay: Optional[float] = None,
        **kwargs: Any,
    ) -> None:
        kwargs.update(name=name or type(self).__name__, weight_decay=weight_decay or None)
        if not (callable(learning_rate) or tf.is_tensor(learning_rate)):  # a schedule is callable
            learning_rate = check_number(
                "learning_rate", learning_rate, "a finite number or a `LearningRateSchedule`"
            )
        keras_versions.initialize(self, learning_rate, **kwargs)

    @property
    def averages(self) -> dict[str, tuple[float, int]]:
        """What is kept beside the weights: name -> (β, p) of average <- β·average + (1-β)·g^p."""
        return {}

    def update_direction(self, step: Step) -> tf.Tensor:
        """The equation: a `Step` -> the direction."""
        raise NotImplementedError

    # The same update by a native kernel, which goes over the memory once.
    apply_kernel: Optional[Callable[[Step, tf.Tensor], None]] = None

    # -- What Keras calls --------------------------------------------------------------------------

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Creates the running averages, and no other state."""
        if getattr(self, "_built", False):
            return
        for variable in variables:
            _check_real(variable)
        super().build(variables)
        self._averages = {
            name: [self.add_variable_from_reference(variable, name) for variable in variables]
            for name in self.averages
        }
        self._built = True

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Optional[tf.Tensor] = None
    ) -> None:
        """Updates one variable and its averages; only Keras 3 passes the learning rate."""
        index = keras_versions.variable_index(self, variable)
        step = Step(
            g=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            w=variable,
            averages={name: slots[index] for name, slots in self._averages.items()},
            t=tf.cast(tf.convert_to_tensor(self.iterations), tf.int64),
            index=index,
        )
        rate = tf.cast(self.learning_rate if learning_rate is None else learning_rate, step.g.dtype)
        if self.apply_kernel:
            self.apply_kernel(step, rate)
            return
        for name, (beta, power) in self.averages.items():
            average, observed = step.averages[name], step.g if power == 1 else step.g**power
            _subtract(average, 1.0 - beta, tf.convert_to_tensor(average) - observed)
        _subtract(variable, rate, self.update_direction(step.read()))

    def get_config(self) -> dict[str, Any]:
        return keras_versions.complete_config(self, super().get_config())

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Optional[Mapping[str, Any]] = None
    ) -> "DirectionOptimizer":
        """Also reads a config that the other Keras wrote."""
        return super().from_config(keras_versions.drop_foreign(config), custom_objects)

    def _clip_gradients(self, grads):
        # Dense first: Keras clips a sparse gradient before it sums the rows of a repeated index.
        return super()._clip_gradients([tf.convert_to_tensor(gradient) for gradient in grads])


def _check_real(variable):
    # In the rules sign(g)·sign(m) is 1 where g and m agree; for complex ones it is -1 where both are i.
    if tf.as_dtype(variable.dtype).is_complex:
        raise ValueError(
            "The optimizer's variables must be real; keep the real and the imaginary part in one variable each and "
            f"join them with `tf.complex`. Received: {variable.name!r} of dtype {tf.as_dtype(variable.dtype).name}."
        )


def _subtract(variable, rate, delta):
    """variable <- variable - rate * delta, in one pass over the memory where `assign_sub` needs two."""
    rate = tf.cast(rate, delta.dtype)
    tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=delta)
