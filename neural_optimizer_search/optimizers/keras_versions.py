"""Keras 2 and Keras 3: the one file that knows which of them is there, and in what their optimizers differ."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx

# False for Keras 2.15 and for tf_keras, which stands behind `tf.keras` if TF_USE_LEGACY_KERAS=1.
KERAS_3 = hasattr(tf.keras.optimizers.Optimizer, "add_optimizer_variables")

# That of the package behind `tf.keras`, which itself has none.
VERSION: str = sys.modules[tf.keras.Model.__module__.partition(".")[0]].__version__


def initialize(optimizer: tf.keras.optimizers.Optimizer, learning_rate: Any, **kwargs: Any) -> None:
    """Keras's own constructor; that of Keras 2 takes no learning rate."""
    construct: Any = tf.keras.optimizers.Optimizer.__init__  # its type is Keras 2's
    if KERAS_3:
        construct(optimizer, learning_rate, **kwargs)
    else:
        construct(optimizer, **kwargs)
        optimizer._learning_rate = optimizer._build_learning_rate(learning_rate)


def complete_config(optimizer: tf.keras.optimizers.Optimizer, config: Mapping[str, Any]) -> dict[str, Any]:
    """Keras's own config with the learning rate, which Keras 2 leaves to the optimizer."""
    if KERAS_3:
        return dict(config)
    return {**config, "learning_rate": optimizer._serialize_hyperparameter(optimizer._learning_rate)}


def tensorflow_variable(weight: Any) -> tf.Variable:
    """The variable of TensorFlow that a weight of a model is, or, with Keras 3, has."""
    return weight.value if KERAS_3 else weight


def clipping_of(model: tf.keras.Model) -> dict[str, Any]:
    """How the model's optimizer, if it has one, clips gradients: Keras's arguments for it."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return {name: getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")}


def replace_optimizer(model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer) -> None:
    """Has the model's `train_step` use another optimizer, with the loss scaling of the one it was compiled with."""
    scaling = tf.keras.mixed_precision.LossScaleOptimizer
    before: Any = getattr(model, "optimizer", None)
    if isinstance(before, scaling):
        config = before.get_config()
        names = ("dynamic", "initial_scale", "dynamic_growth_steps")
        optimizer = scaling(optimizer, **{name: config[name] for name in names if name in config})
    model.optimizer = optimizer


def as_traced_by_fit(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model's `train_step` or `test_step` as `fit` traces it: Keras 2 has AutoGraph convert it, Keras 3 has not."""
    if KERAS_3:
        return step
    enabled = ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED, ag_ctx.control_status_ctx().options)
    return tf.__internal__.autograph.tf_convert(step, enabled)


def drop_foreign(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the arguments that only the other Keras has and no training depends on."""
    return {key: value for key, value in config.items() if not _is_foreign(key, value)}


def variable_index(optimizer: tf.keras.optimizers.Optimizer, variable: tf.Variable) -> int:
    """The place of a variable among those that the optimizer was built for."""
    if KERAS_3:
        return optimizer._get_variable_index(variable)
    return optimizer._index_dict[optimizer._var_key(variable)]


def _is_foreign(key, value):
    if KERAS_3:
        return key in ("is_legacy_optimizer", "jit_compile")
    return key in ("loss_scale_factor", "gradient_accumulation_steps") and value is None
