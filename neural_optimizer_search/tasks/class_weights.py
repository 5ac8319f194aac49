"""Converts class weights to sample weights, as Keras's `fit` does."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.user_error import UserError


def weigh_classes(data: Any, class_weight: Mapping[int, float], argument: str) -> Any:
    """Converts data to (x, y, sample_weight), where each example has the weight of its class.

    Args:
      data: (x, y) or (x, y, sample_weight); existing weights are multiplied. y is one tensor of class indices, or, if
        its last axis is longer than 1, of vectors whose largest element marks the class.
      class_weight: The weight of each class. A missing class has weight 1 in Keras 3, and is an error in Keras 2.
      argument: The name of the data, for messages.

    Raises:
      ValueError: If there is no such y, or a class without weight.
    """
    if not isinstance(class_weight, Mapping) or not all(_is_number(key) for key in class_weight):
        raise UserError(
            "Argument `class_weight` must be a dict from the number of a class to its weight, such as "
            f"{{0: 1.0, 1: 2.5}}. Received: {class_weight!r}."
        )
    x, y, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
    if y is None or tf.nest.is_nested(y) or isinstance(y, tf.RaggedTensor):
        what = "no targets" if y is None else "ragged targets" if tf.is_tensor(y) else "targets of several outputs"
        raise UserError(
            f"Argument `class_weight` must be None unless `{argument}` has one tensor of targets. Received: {what}. "
            "Give the weights of examples as the third part of the data: (x, y, sample_weight)."
        )
    of_classes = _of_each(_classes(y.numpy()), class_weight)
    if weights is None:
        return x, y, tf.constant(of_classes)
    trailing = [1] * (of_classes.ndim - len(weights.shape))
    return x, y, tf.reshape(weights, [*weights.shape, *trailing]) * tf.cast(of_classes, weights.dtype)


def _classes(targets):
    if targets.ndim >= 2:
        targets = np.argmax(targets, -1) if targets.shape[-1] > 1 else np.squeeze(targets, -1)
    return np.rint(targets).astype(np.int64)


def _of_each(classes, class_weight):
    numbers, places = np.unique(classes, return_inverse=True)
    missing = [int(number) for number in numbers if number not in class_weight]
    if missing and not KERAS_3:
        raise UserError(
            "Argument `class_weight` must have a weight for each class of the targets. "
            f"Received: {dict(class_weight)}, without {', '.join(map(str, missing[:5]))}."
        )
    weights = np.array([class_weight.get(int(number), 1.0) for number in numbers], tf.keras.backend.floatx())
    return weights[places].reshape(classes.shape)


def _is_number(key):
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool)
