"""A user's data as tensors in memory, from which a traced training can gather any batch.

`tf.data` hands out its batches in one order, once; a child is trained hundreds of times a minute, each time in the
order of its seed. So the data are read once, in each process.
"""

import sys
import typing
from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search.tasks.child import length

ALL = sys.maxsize  # as a number of examples


class InMemory(typing.NamedTuple):
    data: typing.Any
    batch_size: typing.Optional[int]


def read_into_memory(data, argument, limit=ALL, max_bytes=2**31, batches=None, class_weight=None):
    return InMemory(_read_into_memory(data, argument, limit, max_bytes), None)


def _read_into_memory(data: Any, argument: str, limit: int = ALL, max_bytes: int = 2**31) -> tuple[Any, Any]:
    """(inputs, targets) of at most the first `limit` examples: nests of tensors whose first axis counts examples.

    Args:
      data: Batches of (inputs, targets), as a `tf.data.Dataset` that Keras's `fit` would take; or a tuple (inputs,
        targets) of arrays; or a function without arguments that returns either.
      argument: Its name, for error messages.
      limit: Number of examples.
      max_bytes: Of what a dataset may hold.

    What has axes of several lengths in several batches, as sequences have, is padded at the end: with 0, "" or False.
    Float64 becomes float32.

    Raises:
      ValueError: If the data are of another form, empty, without end or too large.
    """
    if callable(data):
        # What is shuffled without a seed of its own is then shuffled alike in each process.
        tf.keras.utils.set_random_seed(0)
        data = data()
    is_dataset = isinstance(data, tf.data.Dataset)
    pair = _read(data, argument, limit, max_bytes) if is_dataset else _make_dense(data, argument)
    pair = tf.nest.map_structure(lambda part: part[:limit], pair)
    if not length(pair):
        raise ValueError(f"Argument `{argument}` must have examples. Received: {_describe_empty(argument, limit)}.")
    return pair


def _describe_empty(argument, limit):
    return f"sizes=dict({argument}_examples={limit})" if limit < 1 else "data of 0 examples"


def _read(dataset, argument, limit, max_bytes):
    advice = f"Take fewer examples with sizes=dict({argument}_examples=...)"
    if limit == ALL and dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"Argument `{argument}` must end, because its examples are kept in memory. Received: a dataset without "
            f"end. {advice}, or leave out `repeat`."
        )
    batches, examples, size = [], 0, 0
    for batch in dataset:
        batches.append(_make_dense(batch, argument))
        examples += length(batches[-1])
        size += sum(part.shape.num_elements() * part.dtype.size for part in tf.nest.flatten(batches[-1]))
        if size > max_bytes:
            raise ValueError(
                f"Argument `{argument}` must fit in memory, in max_bytes={max_bytes} of each process. Received: a "
                f"dataset of which {examples} examples take {size}. {advice}, or raise `max_bytes`."
            )
        if examples >= limit:
            break
    if not batches:
        raise ValueError(f"Argument `{argument}` must have examples. Received: an empty dataset.")
    columns = zip(*(tf.nest.flatten(batch) for batch in batches))
    return tf.nest.pack_sequence_as(batches[0], [_concatenate(column) for column in columns])


def _make_dense(pair, argument):
    """(inputs, targets) as tensors, checked."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        more = f" of {len(pair)} parts" if isinstance(pair, (tuple, list)) else ""
        raise ValueError(
            f"Argument `{argument}` must be a tf.data.Dataset of batches (inputs, targets), a tuple (inputs, "
            f"targets) of arrays, or a function that returns either. Received: {type(pair).__name__}{more}. "
            "Weights of examples are not supported; a loss of your own can read them from the targets."
        )
    pair = tf.nest.map_structure(_as_tensor, pair)
    lengths = {part.shape[0] if part.shape.rank else None for part in tf.nest.flatten(pair)}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(
            f"Argument `{argument}` must have inputs and targets whose first axis counts examples, the same number "
            f"in all. Received shapes: {tf.nest.map_structure(lambda part: tuple(part.shape), pair)}. "
            "Is a `.batch(...)` missing?"
        )
    return pair


def _as_tensor(part):
    if isinstance(part, tf.RaggedTensor):
        part = part.to_tensor()
    elif isinstance(part, tf.SparseTensor):
        part = tf.sparse.to_dense(part)
    elif not tf.is_tensor(part):
        part = tf.convert_to_tensor(np.asarray(part))
    return tf.cast(part, tf.float32) if part.dtype == tf.float64 else part


def _concatenate(parts):
    longest = np.max([part.shape.as_list() for part in parts], axis=0)[1:]
    padded = [_pad(part, [part.shape[0], *longest]) for part in parts]
    return tf.concat(padded, 0)


def _pad(part, shape):
    if part.shape.as_list() == shape:
        return part
    fill = "" if part.dtype == tf.string else tf.zeros([], part.dtype)
    return tf.pad(part, [[0, to - have] for have, to in zip(part.shape, shape)], constant_values=fill)
