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
      g: The gradient, dense.
      w: The weights before the update, of the gradient's shape and dtype.
      averages: Name -> the running average, for each of the optimizer's `averages`. For an equation
        they have the gradient in them already. For a kernel `w` and these are variables, not yet
        updated.
      t: Int64 scalar, the 0-based number of weight updates so far.
      index: Int, the place of the weight tensor among those that the optimizer was built for.
    """

    g: tf.Tensor
    w: tf.Variable
    averages: dict
    t: tf.Tensor
    index: int

    def read(self):
        """The same with tensors in place of variables."""
        averages = {name: tf.convert_to_tensor(value) for name, value in self.averages.items()}
        return self._replace(w=tf.convert_to_tensor(self.w), averages=averages)


class DirectionOptimizer(tf.keras.optimizers.Optimizer):
    """w <- w - learning_rate * direction, where a subclass states the direction.

    A subclass defines `averages` and `update_direction`. One with an internal decay also sets `decay`, a function
    of (t, T), and `decay_steps`, T. One whose update TensorFlow has a kernel for also defines `apply_kernel`.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      name: The optimizer's name; the default is the class's.
      weight_decay: None or 0 is off.
      **kwargs: What else every Keras optimizer takes: `clipnorm`, `clipvalue`, `global_clipnorm`,
        `use_ema`, `ema_momentum`, `ema_overwrite_frequency`; with Keras 2 also `jit_compile` (off
        without a GPU), with Keras 3 also `loss_scale_factor` and `gradient_accumulation_steps`.
    """

    decay = None
    decay_steps = None

    def __init__(self, learning_rate, name=None, weight_decay=None, **kwargs):
        kwargs.update(name=name or type(self).__name__, weight_decay=weight_decay or None)
        if not (callable(learning_rate) or tf.is_tensor(learning_rate)):  # a schedule is callable
            learning_rate = number("learning_rate", learning_rate, "a finite number or a `LearningRateSchedule`")
        if KERAS_3:
            super().__init__(learning_rate, **kwargs)
        else:
            super().__init__(**kwargs)
            self._learning_rate = self._build_learning_rate(learning_rate)

    @property
    def averages(self):
        """What is kept beside the weights: name -> (β, p) of average <- β·average + (1-β)·g^p."""
        return {}

    def update_direction(self, step):
        """The equation: a `Step` -> the direction."""
        raise NotImplementedError

    # The same update by a native kernel, which goes over the memory once: (step, learning_rate) -> None.
    apply_kernel = None

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
        for variable in variables:
            _check_real(variable)
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
        step = Step(
            g=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            w=variable,
            averages={name: slots[index] for name, slots in self._averages.items()},
            t=tf.cast(tf.convert_to_tensor(self.iterations), tf.int64),
            index=index,
        )
        learning_rate = tf.cast(learning_rate, step.g.dtype)
        if self.apply_kernel:
            self.apply_kernel(step, learning_rate)
            return
        for name, (beta, power) in self.averages.items():
            average, observed = step.averages[name], step.g if power == 1 else step.g**power
            _subtract(average, 1.0 - beta, tf.convert_to_tensor(average) - observed)
        _subtract(variable, learning_rate, self.update_direction(step.read()))

    def get_config(self):
        config = super().get_config()
        if not KERAS_3:
            config["learning_rate"] = self._serialize_hyperparameter(self._learning_rate)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Also reads a config that the other Keras wrote."""
        known = {key: value for key, value in config.items() if not _foreign(key, value)}
        return super().from_config(known, custom_objects)

    def _variable_index(self, variable):
        if KERAS_3:
            return self._get_variable_index(variable)
        return self._index_dict[self._var_key(variable)]

    def _clip_gradients(self, grads):
        # Dense first: Keras clips a sparse gradient before it sums the rows of a repeated index.
        return super()._clip_gradients([tf.convert_to_tensor(gradient) for gradient in grads])


def _foreign(key, value):
    """Whether only the other Keras has this argument and no training depends on it."""
    if KERAS_3:
        return key in ("is_legacy_optimizer", "jit_compile")
    return key in ("loss_scale_factor", "gradient_accumulation_steps") and value is None


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
        raise ValueError(f"Argument `decay_steps` must be None without `decay`. Received: {decay_steps!r}.")
    return None
