"""Collects batches in memory, within limits, and joins them to one nest of tensors."""

import math
import sys
from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.tasks.child import length
from neural_optimizer_search.tasks.shared_data import is_large, leave_pool, share
from neural_optimizer_search.tasks.user_arrays import check_examples, drop_none
from neural_optimizer_search.user_error import UserError

ALL = sys.maxsize  # as a number of examples
ENDLESS = 2**15  # batches after which data of unknown length count as endless: about a minute
LEAST_KEPT = 2**16  # bytes from which a part of a batch is worth a copy outside of TensorFlow's memory
STRING_BYTES = 24  # the size of a short string object
STEPS = {"train": "steps_per_epoch", "validation": "validation_steps"}


class BatchStore:
    """Collects batches until there are enough.

    Args:
      argument: The name of the data, for messages.
      kind: What kind of data they are, such as "a generator".
      has_end: Whether the data are known to end.
      limit: Number of examples to keep.
      max_batches: Number of batches to keep; None for all.
      max_bytes: Maximum memory of the examples.
      advance: Called with the number of examples of each batch.
    """

    def __init__(
        self,
        argument: str,
        kind: str,
        has_end: bool,
        limit: int = ALL,
        max_batches: Optional[int] = None,
        max_bytes: int = 2**31,
        advance: Callable[[int], Any] = lambda examples: None,
    ):
        self._argument = argument
        self._kind = kind
        self._has_end = has_end or max_batches is not None or limit != ALL
        self._limit = limit
        self._max_batches = math.inf if max_batches is None else max_batches
        self._max_bytes = max_bytes
        self._advance = advance
        self._examples = self._bytes = 0
        self.batches = []

    def take(self, batch: Any) -> bool:
        """Keeps a batch; returns whether no more are needed.

        Raises:
          ValueError: If it is not a batch of examples, or there are too many.
        """
        batch = drop_none(batch)
        check_examples(batch, self._argument, " Is a `.batch(...)` missing?")
        self.batches.append(tf.nest.map_structure(_keep, batch))
        self._examples += length(batch)
        self._bytes += sum(map(_count_bytes, tf.nest.flatten(batch)))
        self._advance(length(batch))
        self._check_size(self._bytes)
        if not self._has_end and len(self.batches) >= ENDLESS:
            count = len(self.batches)
            raise UserError(
                f"Argument `{self._argument}` must end, or be told where to. Received: {self._kind} that had no end "
                f"in {count} batches of {self._examples} examples, which take {self._bytes} bytes of "
                f"max_bytes={self._max_bytes}. {advise(self._argument)}; if it ends later, with a larger number."
            )
        return self._examples >= self._limit or len(self.batches) >= self._max_batches

    def data(self) -> Any:
        """The examples of all batches as one nest; dense tensors are padded at the end to one shape."""
        columns = list(zip(*(tf.nest.flatten(batch) for batch in self.batches)))
        self._check_size(sum(map(_count_padded_bytes, columns)))
        return tf.nest.pack_sequence_as(self.batches[0], [_concatenate(column) for column in columns])

    def describe_padding(self) -> str:
        """A sentence if batches were padded to one shape; else ""."""
        columns = zip(*(tf.nest.flatten(batch) for batch in self.batches))
        dense = [parts for parts in columns if not isinstance(parts[0], tf.RaggedTensor)]
        padded = [parts for parts in dense if len({tuple(part.shape[1:]) for part in parts}) > 1]
        if not padded:
            return ""
        return (
            f"Batches of `{self._argument}` have several shapes and are padded to {_longest(padded[0])} with zeros, "
            "more than in `fit`: without a mask the model sees them."
        )

    def _check_size(self, size):
        if size > self._max_bytes:
            kind = self._kind if self._has_end else f"{self._kind}, which may have no end"
            raise UserError(
                f"Argument `{self._argument}` must fit in memory, in max_bytes={self._max_bytes} of each process. "
                f"Received: {kind}, of which {self._examples} examples take {size} bytes. {advise(self._argument)}; "
                "or raise `max_bytes`."
            )


def advise(argument: str) -> str:
    """Advice on how to read fewer examples."""
    return (
        f"Read fewer with sizes=dict({argument}_examples=...), with {STEPS[argument]}=..., or with `take` of a "
        "tf.data.Dataset"
    )


def _count_bytes(part):
    if isinstance(part, tf.RaggedTensor):
        return sum(map(_count_bytes, [*part.nested_row_splits, part.flat_values]))
    count = part.shape.num_elements()
    if part.dtype == tf.string:
        return STRING_BYTES * count + int(tf.strings.length(part).numpy().sum(dtype=np.int64))
    return count * part.dtype.size


def _count_padded_bytes(parts):
    size = sum(map(_count_bytes, parts))
    if isinstance(parts[0], tf.RaggedTensor):
        return size
    padded = sum(part.shape[0] for part in parts) * math.prod(_longest(parts))
    added = padded - sum(part.shape.num_elements() for part in parts)
    return size + added * (STRING_BYTES if parts[0].dtype == tf.string else parts[0].dtype.size)


def _longest(parts):
    return np.max([part.shape.as_list()[1:] for part in parts], axis=0).tolist()


def _concatenate(parts):
    if not isinstance(parts[0], tf.RaggedTensor):
        longest = _longest(parts)
        parts = [_pad(part, [part.shape[0], *longest]) for part in parts]
    if is_large(parts):
        return share(parts)
    return parts[0] if len(parts) == 1 else tf.concat(parts, 0)


def _keep(part):
    return leave_pool(part) if is_large([part], LEAST_KEPT) else part


def _pad(part, shape):
    if part.shape.as_list() == shape:
        return part
    fill = "" if part.dtype == tf.string else tf.zeros([], part.dtype)
    return tf.pad(part, [[0, to - have] for have, to in zip(part.shape, shape)], constant_values=fill)
