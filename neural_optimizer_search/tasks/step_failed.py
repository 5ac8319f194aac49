"""Says of an error in a model's step which step it was, and what its batch looks like: Keras says neither."""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from neural_optimizer_search.describe_error import describe_error
from neural_optimizer_search.tasks.data_parts import name_parts
from neural_optimizer_search.user_error import UserError

# Errors that say enough without the batch, or that callers tell apart by their class.
_PASSED_ON = (UserError, MemoryError, tf.errors.ResourceExhaustedError)


class StepFailed(Exception):
    """A step of a model raised an error, the cause of this one; the message says which step, on what, and why."""


@contextlib.contextmanager
def explain_step(step: str, argument: str, batch: Any) -> Iterator[None]:
    """A context in which an error of a step becomes a `StepFailed`.

    Args:
      step: What is done with the batch, such as "A training step".
      argument: The argument of the task that has the data: "train" or "validation".
      batch: Its batch.
    """
    try:
        yield
    except _PASSED_ON:
        raise
    except Exception as error:  # the model, its loss and its metrics may be the user's code
        parts = ", ".join(f"{name} {tuple(part.shape)} {part.dtype.name}" for name, part in name_parts(batch))
        raise StepFailed(
            f"{step} failed on a batch of `{argument}`: {parts}. Compare these shapes and dtypes with what the model "
            f"and its loss take. The cause: {describe_error(error)}"
        ) from error
