"""A Keras model's own steps, as `fit` runs them, with another optimizer."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx

from neural_optimizer_search.keras_versions import KERAS_3


def tensorflow_variable(weight: Any) -> tf.Variable:
    """The TensorFlow variable of a model's weight: the weight itself, or, in Keras 3, the variable it wraps."""
    return weight.value if KERAS_3 else weight


def clipping_of(model: tf.keras.Model) -> dict[str, Any]:
    """The gradient-clipping arguments of the model's optimizer; None for each one that is not set."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return {name: getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")}


def replace_optimizer(model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer) -> None:
    """Makes the model's `train_step` use another optimizer, with the loss scaling of the one it was compiled with."""
    scaling = tf.keras.mixed_precision.LossScaleOptimizer
    before: Any = getattr(model, "optimizer", None)
    if isinstance(before, scaling):
        config = before.get_config()
        names = ("dynamic", "initial_scale", "dynamic_growth_steps")
        optimizer = scaling(optimizer, **{name: config[name] for name in names if name in config})
    model.optimizer = optimizer


def as_traced_by_fit(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model's `train_step` or `test_step` as `fit` traces it: with AutoGraph in Keras 2, without in Keras 3."""
    if KERAS_3:
        return step
    enabled = ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED, ag_ctx.control_status_ctx().options)
    return tf.__internal__.autograph.tf_convert(step, enabled)
