"""Finds NaN and infinity in data: they make the loss non-finite, and then there is no gradient."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.tasks.child import length
from neural_optimizer_search.tasks.data_hash import split_data

PARTS = ("inputs", "targets", "sample weights")


def find_numbers_not_finite(train: Any, validation: Any) -> Iterator[str]:
    """Yields a sentence for each part of the data that contains NaN or infinity.

    Args:
      train, validation: (inputs, targets, ...), as in `Child`.
    """
    for argument, data in (("train", train), ("validation", validation)):
        for name, part in _name_parts(data):
            rows, count = _rows_not_finite(part)
            if count:
                values = count_of(count, "value is", "values are")
                yield (
                    f"Argument `{argument}` must have finite {name}: {values} NaN or infinite, in {len(rows)} of "
                    f"{length(data)} examples, the first of which is number {rows[0]}, counted from 0."
                )


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
