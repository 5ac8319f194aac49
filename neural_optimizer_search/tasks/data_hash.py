"""Hashes of data in memory: of all the data, and of each example, to find those that two sets share."""

import hashlib
import math
import pprint
from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search.tasks.data_parts import split_data


def hash_examples(data: Any) -> str:
    """Hashes a nest of tensors: its structure, and the dtype, shape and bytes of each part.

    Args:
      data: A nest of dense or ragged tensors or arrays, of numbers, Booleans or strings.

    Returns:
      32 hexadecimal digits.
    """
    structure = pprint.pformat(tf.nest.map_structure(lambda part: None, data))  # `pformat` sorts dicts
    digest = hashlib.blake2b(structure.encode(), digest_size=16)
    for part in tf.nest.flatten(data):
        arrays = [part]
        if isinstance(part, tf.RaggedTensor):
            arrays = [*part.nested_row_splits, part.flat_values]
        for array in map(_array, arrays):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(_join(array.flat) if array.dtype == object else _bytes_of(array))
    return digest.hexdigest()


def count_shared(train: Any, validation: Any) -> int:
    """Counts the validation examples whose inputs and targets equal those of a training example.

    Args:
      train, validation: Inputs, (inputs,), (inputs, targets) or (inputs, targets, weights), as nests of tensors or
        arrays. Weights are ignored. Data that were padded to different lengths are compared at the same length.
    """
    trained, validated = _inputs_and_targets(train), _inputs_and_targets(validation)
    if len(trained) != len(validated):
        return 0
    pairs = [_of_one_length(*pair) for pair in zip(trained, validated)]
    seen = set(_hash_rows([part for part, _ in pairs]))
    return sum(row in seen for row in _hash_rows([part for _, part in pairs]))


def _inputs_and_targets(data):
    inputs, targets, _ = split_data(data)
    return tf.nest.flatten(inputs if targets is None else (inputs, targets))


def _of_one_length(one, other):
    """Two parts, padded at the end to one shape if both are dense and only their lengths differ."""
    if isinstance(one, tf.RaggedTensor) or isinstance(other, tf.RaggedTensor) or len(one.shape) != len(other.shape):
        return one, other
    longest = np.maximum(one.shape[1:], other.shape[1:])
    return _pad(one, longest), _pad(other, longest)


def _pad(part, shape):
    if tuple(part.shape[1:]) == tuple(shape):
        return part
    array = _array(part)
    widths = [(0, 0), *((0, to - have) for to, have in zip(shape, array.shape[1:]))]
    return np.pad(array, widths, constant_values=b"" if array.dtype == object else 0)


def _hash_rows(parts):
    digests = [hashlib.blake2b(digest_size=16) for _ in range(parts[0].shape[0])]
    for part in parts:
        for digest, row in zip(digests, _rows(part)):
            digest.update(row)
    return [digest.digest() for digest in digests]


def _rows(part) -> Any:
    """The bytes of each example: a list, or a matrix with one row per example."""
    if isinstance(part, tf.RaggedTensor):
        splits, values = part.row_splits.numpy(), _rows(part.values)
        join = np.ravel if isinstance(values, np.ndarray) else _join
        return [join(values[start:stop]) for start, stop in zip(splits, splits[1:])]
    array = _array(part)
    if array.dtype == object:
        return [_join(row) for row in array.reshape(len(array), math.prod(array.shape[1:]))]
    array = array + np.zeros([], array.dtype)  # -0 becomes 0
    return _bytes_of(array).reshape(len(array), math.prod(array.shape[1:]) * array.itemsize)


def _array(part) -> Any:
    """Converts to NumPy, where strings are objects."""
    return part.numpy() if tf.is_tensor(part) else tf.convert_to_tensor(part).numpy()


def _bytes_of(array) -> Any:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _join(values):
    """Joins byte strings, each with its length, so that different strings give different results."""
    return b"".join(b"%d:" % len(value) + bytes(value) for value in values)
