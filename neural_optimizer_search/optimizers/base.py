"""What the optimizers share, and the only file that knows Keras 2 from Keras 3."""

import math
import numbers
from typing import NamedTuple

import tensorflow as tf

# False for Keras 2.15 and for tf_keras, which stands behind `tf.keras` if TF_USE_LEGACY_KERAS=1.
KERAS_3 = hasattr(tf.keras.optimizers.Optimizer, "add_optimizer_variables")

serializable = tf.keras.utils.register_keras_serializable(package="neural_optimizer_search")


class Step(NamedTuple):
    """What an equation may read at one step, for one weight tensor.

    Attributes:
      g, w: The gradient, dense, and the weights before the update, of one shape and dtype.
      averages: Name -> the running average before this step, for each of the optimizer's
        `averages`.
      t: Int64 scalar, the 0-based number of weight updates so far.
      index: Int, the place of the weight tensor among those that the optimizer was built for.
    """

    g: tf.Tensor
    w: tf.Tensor
    averages: dict
    t: tf.Tensor
    index: int


class DirectionOptimizer(tf.keras.optimizers.Optimizer):
    """w <- w - learning_rate * direction, where a subclass states the direction.

    A subclass names its running averages in `averages` and defines `update_direction`. One with an
    internal decay also sets `decay`, a function of (t, T), and `decay_steps`, T.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      name: The optimizer's name; the default is the class's.
      weight_decay: None or 0 is off.
      **kwargs: What else every Keras optimizer takes: `clipnorm`, `clipvalue`, `global_clipnorm`,
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`; with Keras 2 also `jit_compile` (off
        without a GPU), with Keras 3 also `loss_scale_factor` and `gradient_accumulation_steps`.
    """

    averages = ()
    decay = None
    decay_steps = None

    def __init__(self, learning_rate, name=None, weight_decay=None, **kwargs):
        kwargs.update(name=name or type(self).__name__, weight_decay=weight_decay or None)
        if isinstance(learning_rate, numbers.Real):
            learning_rate = float(learning_rate)  # Keras 3 refuses an int.
        if KERAS_3:
            super().__init__(learning_rate, **kwargs)
        else:
            super().__init__(**kwargs)
            self._learning_rate = self._build_learning_rate(learning_rate)

    def update_direction(self, step):
        """The equation: a `Step` -> (direction, {name: the running average after this step})."""
        raise NotImplementedError

    def f(self, step):
        """The internal decay f(t) in the dtype of the gradient; 1 if `decay` is None."""
        if self.decay is None:
            return 1.0
        value = self.decay(tf.cast(step.t, tf.float32), tf.cast(self.decay_steps, tf.float32))
        return tf.cast(value, step.g.dtype)

    # -- What Keras calls --------------------------------------------------------------------------

    def build(self, variables):
        """Creates the running averages, and no other state."""
        if getattr(self, "_built", False):
            return
        super().build(variables)
        self._averages = {
            name: [self.add_variable_from_reference(variable, name) for variable in variables]
            for name in self.averages
        }
        self._built = True

    def update_step(self, gradient, variable, learning_rate=None):
        """Updates one variable and its averages; only Keras 3 passes the learning rate."""
        if learning_rate is None:
            learning_rate = self.learning_rate
        index = self._variable_index(variable)
        averages = {name: slots[index] for name, slots in self._averages.items()}
        step = Step(
            g=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            w=tf.convert_to_tensor(variable),
            averages={name: tf.convert_to_tensor(slot) for name, slot in averages.items()},
            t=tf.cast(tf.convert_to_tensor(self.iterations), tf.int64),
            index=index,
        )
        direction, new_averages = self.update_direction(step)
        for name, slot in averages.items():
            slot.assign(new_averages[name])
        variable.assign_sub(tf.cast(learning_rate, variable.dtype) * direction)

    def get_config(self):
        config = super().get_config()
        if not KERAS_3:
            config["learning_rate"] = self._serialize_hyperparameter(self._learning_rate)
        return config

    def _variable_index(self, variable):
        if KERAS_3:
            return self._get_variable_index(variable)
        return self._index_dict[self._var_key(variable)]

    def _clip_gradients(self, grads):
        # Dense first: Keras clips a sparse gradient before it sums the rows of a repeated index.
        return super()._clip_gradients([tf.convert_to_tensor(gradient) for gradient in grads])


# -- Checks of arguments ---------------------------------------------------------------------------


def number(argument, value, allowed="a finite number", valid=lambda value: True):
    """The value as a float, if it is a finite number and valid; else a ValueError."""
    if not (isinstance(value, numbers.Real) and math.isfinite(value) and valid(value)):
        raise ValueError(f"Argument `{argument}` must be {allowed}. Received: {value!r}.")
    return float(value)


def steps(decay_steps, reader):
    """`decay_steps` as an int, if it is one > 0; else a ValueError that names its `reader`."""
    if not (isinstance(decay_steps, numbers.Integral) and decay_steps > 0):
        raise ValueError(
            "Argument `decay_steps` must be the number of training steps, an int > 0, for "
            f"{reader}. Received: {decay_steps!r}."
        )
    return int(decay_steps)


def steps_of_decay(decay, decay_steps):
    """`decay_steps` of an optimizer whose only reader of them is its argument `decay`."""
    if decay is not None:
        return steps(decay_steps, f"`decay` = {decay.name!r}")
    if decay_steps is not None:
        raise ValueError(
            f"Argument `decay_steps` must be None without `decay`. Received: {decay_steps!r}."
        )
    return None
