"""A user's data as tensors in memory, from which a traced training can gather any batch.

Data yield their batches once, in one order, but a child is trained hundreds of times a minute, each time in the order
of its seed. So each process reads the data into memory once.
"""

import gc
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.tasks.batch_store import ALL, STEPS, BatchStore, advise
from neural_optimizer_search.tasks.child import length, rows
from neural_optimizer_search.tasks.class_weights import weigh_classes
from neural_optimizer_search.tasks.fit_batches import count_batches, give_batches
from neural_optimizer_search.tasks.reading_bar import reading_bar
from neural_optimizer_search.tasks.user_arrays import as_arrays, check_examples, drop_none
from neural_optimizer_search.user_error import UserError

# `fit` copies its arguments, so it gets large arrays in parts.
PART_BYTES = 2**26
KINDS = (
    "a tuple (x, y) or (x, y, sample_weight) of arrays, x alone for a model without targets, a tf.data.Dataset of "
    "batches, a Keras Sequence or PyDataset, a generator of batches, or a function without arguments that returns "
    "one of these"
)


class InMemory(NamedTuple):
    """Data in memory.

    Attributes:
      data: The data from which `train_step` gets batches: x, (x,), (x, y) or (x, y, sample_weight), which are nests
        of dense or ragged tensors whose first axis counts examples.
      batch_size: Number of examples in the first batch; None for arrays.
      padding: A sentence if batches were padded to one shape; else "".
    """

    data: Any
    batch_size: Optional[int]
    padding: str = ""


def read_into_memory(
    data: Any,
    argument: str,
    limit: int = ALL,
    max_bytes: int = 2**31,
    batches: Optional[int] = None,
    class_weight: Optional[Mapping[int, float]] = None,
) -> InMemory:
    """Reads at most the first `limit` examples of anything that Keras's `fit` takes as data.

    Structure, dtypes and values are those that `fit` of the installed Keras passes to a `train_step`, without a
    `None` at the end. Dense tensors whose axes differ in length between batches, such as sequences, are padded at the
    end with 0, "" or False. Ragged tensors stay ragged.

    Args:
      data: Arrays: a tuple (x,), (x, y) or (x, y, sample_weight), or x alone if it is an array or a dict. Each part
        is a NumPy array, a tensor, a pandas frame, a list of numbers or strings, or a nest of these in tuples, lists
        and dicts. Or batches: a `tf.data.Dataset`, a Keras `Sequence` or `PyDataset`, or an iterator, which can be
        read only once. Or a function without arguments that returns one of these. It is called after
        `tf.keras.utils.set_random_seed(0)`, so that anything it draws or shuffles without its own seed is the same in
        each process.
      argument: "train" or "validation", for messages.
      limit: Maximum number of examples.
      max_bytes: Maximum memory of the examples. Strings and ragged tensors count by their contents.
      batches: Number of batches to read from data that come in batches, like `steps_per_epoch` of `fit`.
      class_weight: Weights of classes, which are converted to weights of examples; see `fit`.

    Raises:
      ValueError: If the data have another form, are empty, endless or too large.
    """
    _check_batches(argument, batches)
    if callable(data) and not isinstance(data, (*_BATCHES, tf.keras.Model)):
        tf.keras.utils.set_random_seed(0)
        data = data()
    in_batches = isinstance(data, _BATCHES)
    if not in_batches:
        data, batches = _check_arrays(data, argument), None
    elif isinstance(data, Iterator) and not isinstance(
        data, tf.keras.utils.Sequence
    ):  # Keras 2 has objects that are both
        data = _check_start(data, argument)
    has_end = _has_end(data)
    if has_end is False and limit == ALL and batches is None:
        raise UserError(
            f"Argument `{argument}` must end, because its examples are kept in memory. Received: {_name(data)} "
            f"without end. {advise(argument)}, or leave out `repeat`."
        )
    with reading_bar(argument) as advance:
        store = BatchStore(argument, _name(data), bool(has_end), limit, batches, max_bytes, advance)
        _read(data, argument, store, limit)
    examples = store.data()
    if length(examples) > limit:
        examples = rows(examples, 0, limit)
    if class_weight is not None:
        examples = weigh_classes(examples, class_weight, argument)
    return InMemory(examples, length(store.batches[0]) if in_batches else None, store.describe_padding())


def _read(data, argument, store, limit):
    if isinstance(data, tf.data.Dataset):
        any(map(store.take, data))  # `fit` passes such batches on unchanged
    elif isinstance(data, tuple):
        examples, size = min(length(data), limit), _find_size(data)
        for start in range(0, examples, size):
            part = rows(data, start, min(start + size, examples))
            give_batches(store.take, part, argument, length(part))
            if size < examples:
                gc.collect()  # the model of `fit` holds its data in reference cycles
    else:
        give_batches(store.take, data, argument)
    if not store.batches:
        raise UserError(f"Argument `{argument}` must have examples. Received: {_name(data)} of 0 examples.")


def _find_size(arrays):
    """The number of examples to read at a time."""
    size = sum(part.nbytes for part in tf.nest.flatten(arrays) if isinstance(part, np.ndarray))
    return max(1, length(arrays) * PART_BYTES // max(PART_BYTES, size))


_BATCHES = (tf.data.Dataset, tf.keras.utils.Sequence, Iterator)


def _name(data):
    if isinstance(data, tuple):
        return "arrays"
    if isinstance(data, tf.data.Dataset):
        return "a tf.data.Dataset"
    return "a Sequence" if isinstance(data, tf.keras.utils.Sequence) else "a generator"


def _has_end(data):
    """Whether the batches end; None if that is unknown."""
    if isinstance(data, tf.data.Dataset):
        count = int(data.cardinality())
        return None if count == tf.data.UNKNOWN_CARDINALITY else count != tf.data.INFINITE_CARDINALITY
    if isinstance(data, tf.keras.utils.Sequence):
        return count_batches(data) < ALL
    return True if isinstance(data, tuple) else None


def _check_batches(argument, batches):
    if batches is not None and (not isinstance(batches, int) or batches < 1):
        raise UserError(
            f"Argument `{STEPS[argument]}` must be a whole number of at least 1, or None. Received: {batches!r}."
        )


def _check_arrays(data, argument):
    """Checks arrays; returns them as (x,), (x, y) or (x, y, sample_weight)."""
    parts = drop_none(data) if isinstance(data, tuple) else (data,)
    if not 1 <= len(parts) <= 3 or not (isinstance(data, (tuple, dict)) or hasattr(data, "shape")):
        received = f"a tuple of {len(data)} parts" if isinstance(data, tuple) else type(data).__name__
        raise UserError(f"Argument `{argument}` must be {KINDS}. Received: {received}.")
    parts = tuple(as_arrays(part, argument) for part in parts)
    check_examples(parts, argument)
    if not length(parts):
        raise UserError(f"Argument `{argument}` must have examples. Received: arrays of 0 examples.")
    return parts


def _check_start(iterator, argument):
    """The iterator, after reading its first batch to check that there is one."""
    first = list(itertools.islice(iterator, 1))
    if not first:
        raise UserError(
            f"Argument `{argument}` must have examples. Received: a generator at its end. One that was "
            "read cannot be read again: give the function that makes it."
        )
    return itertools.chain(first, iterator)
