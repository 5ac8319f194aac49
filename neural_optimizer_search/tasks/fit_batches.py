"""The batches that Keras's `fit` makes of data, as it hands them to a model's `train_step`.

`fit` itself makes them, so that types, structure and what is allowed are those of the Keras that is there.
"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.tasks.user_arrays import as_arrays, check_examples, drop_none

_END = object()  # of an iterator


def count_batches(sequence: tf.keras.utils.Sequence) -> int:
    """The batches of a Keras `Sequence`; one of Keras 3 may have no end."""
    return len(sequence) if hasattr(sequence, "__len__") else sequence.num_batches or sys.maxsize


def give_batches(take: Callable[[Any], bool], data: Any, argument: str, batch_size: Optional[int] = None) -> None:
    """Calls a function with each batch, in the order of the data.

    Args:
      take: Is called with each batch, and returns whether it wants no more.
      data: Arrays as a tuple (x,), (x, y) or (x, y, sample_weight); a Keras `Sequence`; or an iterator of batches.
      argument: The name of the data, for messages.
      batch_size: For arrays.

    Raises:
      ValueError: If Keras does not take the data.
      Exception: What `take` or the data raise.
    """
    if isinstance(data, tf.keras.utils.Sequence) and not count_batches(data):
        return
    raised = []

    def note(function):
        """A function whose exceptions are noted, because TensorFlow tells those of data as errors of its own.

        Those of batches that are made ahead and not wanted are no failure of `fit`.
        """

        def call(*arguments):
            try:
                return function(*arguments)
            except Exception as error:  # of any kind: it is raised again below
                raised.append((error, error.__traceback__))  # before those of TensorFlow are in it
                raise

        return call

    model = _Model(note(take))
    model.compile(run_eagerly=True)
    parts: dict[str, Any] = dict(zip(("x", "y", "sample_weight"), _arguments(data, argument, note)))
    refusal = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")  # it shall
            model.fit(**parts, batch_size=batch_size, shuffle=False, verbose=0)
    except Exception as error:  # Keras and TensorFlow refuse data with errors of many kinds
        refusal = _first_line(error)
    if refusal and raised:
        error, traceback = raised[0]
        raise error.with_traceback(traceback)
    if refusal:
        raise ValueError(f"Argument `{argument}` must be data that Keras's `fit` takes. Keras says: {refusal}")


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
    batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)  # Keras 3 takes no others
    batch = as_arrays(drop_none(batch), argument)
    check_examples(batch, argument, " Does the generator yield single examples?")
    return batch


class _Model(tf.keras.Model):
    """Hands on what its `train_step` gets."""

    def __init__(self, take):
        super().__init__()
        self.take = take
        self.built = True

    def train_step(self, data):
        self.stop_training = self.take(data)  # which `fit` looks at after each step
        return {"loss": 0.0}


class _Sequence(tf.keras.utils.Sequence):
    """A user's, which is read in this thread, whatever workers it wants.

    Args:
      users: The user's.
      get: What reads one of its batches.
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
        getattr(self.users, "on_epoch_begin", lambda: None)()  # which Keras 2 has not


def _generate(get) -> Iterator[Any]:
    while (batch := get()) is not _END:
        yield batch


def _first_line(error):
    line = next(filter(None, str(error).splitlines()), type(error).__name__)
    return re.sub(r"^\{\{.*?\}\} ", "", line)[:300]
