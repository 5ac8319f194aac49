"""Arrays as users pass them: lists of numbers and strings become arrays; what cannot be examples is rejected."""

from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search.user_error import UserError


def as_arrays(part: Any, argument: str) -> Any:
    """Converts a nest: lists of numbers and strings become arrays, and arrays of strings become tensors.

    Args:
      part: Arrays in dicts, tuples and lists.
      argument: The name of the data, for messages.
    """
    if isinstance(part, dict):
        return {key: as_arrays(value, argument) for key, value in part.items()}
    if _is_list_of_values(part):
        part = _as_array(part, argument)
    if type(part) in (list, tuple):
        return type(part)(as_arrays(value, argument) for value in part)
    is_text = isinstance(part, np.ndarray) and part.dtype.kind in "USO"
    return _as_strings(part, argument) if is_text else part


def drop_none(data: Any) -> Any:
    """(x, y) for (x, y, None), and (x,) for (x, None)."""
    while isinstance(data, tuple) and len(data) > 1 and data[-1] is None:
        data = data[:-1]
    return data


def check_examples(data: Any, argument: str, advice: str = "") -> None:
    """Rejects a nest unless it holds arrays or tensors whose first axis counts the same examples."""
    parts = tf.nest.flatten(data)
    for part in parts:
        if isinstance(part, tf.SparseTensor) or (hasattr(part, "toarray") and hasattr(part, "tocsr")):
            dense = "tf.sparse.to_dense(...)" if isinstance(part, tf.SparseTensor) else ".toarray()"
            raise UserError(
                f"Argument `{argument}` must have dense or ragged arrays. Received: {_describe(part)}. Make it "
                f"dense with {dense}."
            )
        if not hasattr(part, "shape"):
            raise UserError(
                f"Argument `{argument}` must have arrays, tensors or pandas frames. Received: {_describe(part)} in "
                f"place of one.{advice}"
            )
    lengths = {part.shape[0] if len(part.shape) else None for part in parts}
    if len(lengths) != 1 or None in lengths:
        shapes = tf.nest.map_structure(lambda part: tuple(part.shape), data)
        raise UserError(
            f"Argument `{argument}` must have arrays whose first axis counts examples, the same number in all. "
            f"Received shapes: {shapes}.{advice}"
        )


def _describe(part):
    return "None" if part is None else type(part).__name__


def _is_list_of_values(part):
    """Whether it is a list of numbers or strings, or of such lists; like Keras 2, this checks the first one."""
    while type(part) in (list, tuple) and part:
        part = part[0]
        if isinstance(part, (bool, int, float, str, bytes, np.generic)):
            return True
    return False


def _as_array(values, argument):
    try:
        return np.asarray(values)
    except ValueError as error:
        raise UserError(
            f"Argument `{argument}` must have lists of one length. Received: lists of several lengths. Pad them, or "
            "make a tf.ragged.constant of them."
        ) from error


def _as_strings(array, argument):
    try:
        return tf.constant(array, tf.string)
    except (TypeError, ValueError) as error:
        first = array.flat[0] if array.size else None
        raise UserError(
            f"Argument `{argument}` must have arrays of numbers, Booleans or strings. Received: an array of objects, "
            f"of which the first is {_describe(first)}. Convert it with `astype`."
        ) from error
