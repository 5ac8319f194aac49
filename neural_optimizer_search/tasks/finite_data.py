"""Finds NaN and infinity in data: they make the loss NaN, too, unless the model or the loss masks them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.tasks.child import length
from neural_optimizer_search.tasks.data_parts import name_parts


class NotFinite(NamedTuple):
    """A part of the data that contains NaN or infinity.

    Attributes:
      argument: The argument of the task that has it: "train" or "validation".
      name: Its name, such as "targets" or "inputs['left']".
      rows: The examples whose values are not all finite.
      which: These values, in words.
    """

    argument: str
    name: str
    rows: np.ndarray
    which: str

    @property
    def refusal(self) -> str:
        """A sentence that refuses it, and one on what to do."""
        return (
            f"Argument `{self.argument}` must have finite {self.name}: {self.which}. Leave these examples out, "
            "replace the values, or have the model or the loss mask them."
        )

    @property
    def note(self) -> str:
        """A sentence for the case that the loss is finite all the same."""
        return f"`{self.argument}` has {self.name} that are not finite, although the loss is: {self.which}."


def find_not_finite(train: Any, validation: Any) -> Iterator[NotFinite]:
    """Each part of the data that contains NaN or infinity.

    Args:
      train, validation: (inputs, targets, ...), as in `Child`.
    """
    for argument, data in (("train", train), ("validation", validation)):
        for name, part in name_parts(data):
            rows, count = _rows_not_finite(part)
            if count:
                values = count_of(count, "value is", "values are")
                which = f"{values} NaN or infinite, in {len(rows)} of {length(data)} examples, the first of which is"
                yield NotFinite(argument, name, rows, f"{which} number {rows[0]}, counted from 0")


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
