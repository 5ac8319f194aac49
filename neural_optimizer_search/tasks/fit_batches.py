"""The batches that Keras's `fit` makes of data and passes to a model's `train_step`.

`fit` itself makes them, so that their types and structure, and the data it accepts, are those of the installed Keras.
"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.tasks.user_arrays import as_arrays, check_examples, drop_none
from neural_optimizer_search.user_error import UserError

_END = object()  # marks the end of an iterator


def count_batches(sequence: tf.keras.utils.Sequence) -> int:
    """The number of batches of a Keras `Sequence`, which may be endless in Keras 3."""
    return len(sequence) if hasattr(sequence, "__len__") else sequence.num_batches or sys.maxsize


def give_batches(take: Callable[[Any], bool], data: Any, argument: str, batch_size: Optional[int] = None) -> None:
    """Calls a function with each batch, in the order of the data.

    Args:
      take: Called with each batch; returns whether it needs no more.
      data: Arrays as a tuple (x,), (x, y) or (x, y, sample_weight); a Keras `Sequence`; or an iterator of batches.
      argument: The name of the data, for messages.
      batch_size: Batch size for arrays.

    Raises:
      ValueError: If Keras does not accept the data.
      Exception: Whatever `take` or the data raise.
    """
    if isinstance(data, tf.keras.utils.Sequence) and not count_batches(data):
        return
    raised = []

    def note(function):
        """Wraps a function to record its exceptions, because TensorFlow reports those of data as its own errors.

        They count only if `fit` fails: batches may also be prefetched and never needed.
        """

        def call(*arguments):
            try:
                return function(*arguments)
            except Exception as error:  # of any kind: it is re-raised below
                raised.append((error, error.__traceback__))  # before TensorFlow adds its frames
                raise

        return call

    model = _Model(note(take))
    model.compile(run_eagerly=True)
    parts: dict[str, Any] = dict(zip(("x", "y", "sample_weight"), _arguments(data, argument, note)))
    refusal = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")  # this is intended
            model.fit(**parts, batch_size=batch_size, shuffle=False, verbose=0)
    except Exception as error:  # Keras and TensorFlow reject data with errors of many kinds
        refusal = _first_line(error)
    if refusal and raised:
        error, traceback = raised[0]
        raise error.with_traceback(traceback)
    if refusal:
        raise UserError(f"Argument `{argument}` must be data that Keras's `fit` takes. Keras says: {refusal}")


def _arguments(data, argument, note):
    """The arguments of `fit`."""
    if isinstance(data, tuple):
        return data
    if isinstance(data, tf.keras.utils.Sequence):
        return (_Sequence(data, note(lambda index: as_arrays(data[index], argument))),)
    return (_generate(note(lambda: _next_batch(data, argument))),)


def _next_batch(batches, argument):
    batch = next(batches, _END)
    if batch is _END:
        return batch
    batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)  # Keras 3 accepts only tuples
    batch = as_arrays(drop_none(batch), argument)
    check_examples(batch, argument, " Does the generator yield single examples?")
    return batch


class _Model(tf.keras.Model):
    """Passes on the batches that its `train_step` receives."""

    def __init__(self, take):
        super().__init__()
        self.take = take
        self.built = True

    def train_step(self, data):
        self.stop_training = self.take(data)  # checked by `fit` after each step
        return {"loss": 0.0}


class _Sequence(tf.keras.utils.Sequence):
    """Wraps the user's object, which is read in this thread, whatever workers it asks for.

    Args:
      users: The user's object.
      get: Reads one of its batches.
    """

    def __init__(self, users, get):
        super().__init__()
        self.users = users
        self.get = get

    def __len__(self):
        return count_batches(self.users)

    def __getitem__(self, index):
        return self.get(index)

    def on_epoch_begin(self):
        getattr(self.users, "on_epoch_begin", lambda: None)()  # Keras 2 has no such method


def _generate(get) -> Iterator[Any]:
    while (batch := get()) is not _END:
        yield batch


def _first_line(error):
    line = next(filter(None, str(error).splitlines()), type(error).__name__)
    return re.sub(r"^\{\{.*?\}\} ", "", line)[:300]
