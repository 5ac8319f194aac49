"""Finds NaN and infinity in data: they make the loss NaN, too, unless the model or the loss masks them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.tasks.child import length
from neural_optimizer_search.tasks.data_hash import split_data

PARTS = ("inputs", "targets", "sample weights")


def find_numbers_not_finite(train: Any, validation: Any) -> Iterator[str]:
    """Yields a sentence for each part of the data that contains NaN or infinity, and must not.

    Args:
      train, validation: (inputs, targets, ...), as in `Child`.
    """
    for argument, name, which in _find_parts(train, validation):
        yield f"Argument `{argument}` must have finite {name}: {which}."


def note_numbers_not_finite(train: Any, validation: Any) -> Iterator[str]:
    """Yields a note for each such part, if the loss is finite all the same; see `find_numbers_not_finite`."""
    for argument, name, which in _find_parts(train, validation):
        yield f"`{argument}` has {name} that are not finite, although the loss is: {which}."


def _find_parts(train, validation) -> Iterator[tuple[str, str, str]]:
    """(argument, name of the part, which of its values), for each part that contains NaN or infinity."""
    for argument, data in (("train", train), ("validation", validation)):
        for name, part in _name_parts(data):
            rows, count = _rows_not_finite(part)
            if count:
                values = count_of(count, "value is", "values are")
                which = f"{values} NaN or infinite, in {len(rows)} of {length(data)} examples, the first of which is"
                yield argument, name, f"{which} number {rows[0]}, counted from 0"


def _name_parts(data) -> Iterator[tuple[str, Any]]:
    for name, part in zip(PARTS, split_data(data)):
        if part is None:
            continue
        if isinstance(part, Mapping):
            yield from ((f"{name} {key!r}", leaf) for key in part for leaf in tf.nest.flatten(part[key]))
        else:
            leaves = tf.nest.flatten(part)
            yield from ((f"{name} {i}" if len(leaves) > 1 else name, leaf) for i, leaf in enumerate(leaves))


def _rows_not_finite(part):
    """(rows with a non-finite value, the number of such values)."""
    if not tf.as_dtype(part.dtype).is_floating:
        return np.array([], int), 0
    if isinstance(part, tf.RaggedTensor):
        values, rows = part.flat_values.numpy(), _rows_of_values(part)
    else:
        values, rows = np.asarray(part), np.arange(part.shape[0])
    wrong = ~np.isfinite(values)
    counts = wrong.reshape(len(values), -1).sum(axis=1)
    return np.unique(rows[counts > 0]), int(counts.sum())


def _rows_of_values(ragged):
    """The example that each row of the flat values belongs to."""
    rows = np.arange(ragged.shape[0])
    for lengths in ragged.nested_row_lengths():
        rows = np.repeat(rows, lengths.numpy())
    return rows
