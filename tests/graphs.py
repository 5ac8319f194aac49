"""Graphs as they were traced, for tests of trainings of a few steps."""

import contextlib
from collections.abc import Iterator

import marks
import tensorflow as tf


@contextlib.contextmanager
def as_traced() -> Iterator[None]:
    """TensorFlow runs graphs as they are, and does not rewrite them first so that they run faster.

    To rewrite one takes longer than so few steps. `make test-long` does it here too, as all tests without this do.
    """
    options = tf.config.optimizer
    before = options.get_experimental_options().get("disable_meta_optimizer", False)
    options.set_experimental_options({"disable_meta_optimizer": before or not marks.LONG})
    try:
        yield
    finally:
        options.set_experimental_options({"disable_meta_optimizer": before})
