"""Reports the progress of a training to the code that waits for it, however deeply the training is nested."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Progress(NamedTuple):
    """The progress of a training.

    Attributes:
      done: Number of steps done.
      steps: Steps of the whole training; the measurement of a rule has several trainings.
    """

    done: int
    steps: int

    def __str__(self) -> str:
        return f"step {self.done:,} of {self.steps:,}"


_listener: contextvars.ContextVar[Callable[[Progress], None]] = contextvars.ContextVar(
    "_listener", default=lambda progress: None
)


@contextlib.contextmanager
def told_to(listen: Callable[[Progress], None]) -> Iterator[None]:
    """Makes trainings in this context call `listen` every few seconds."""
    token = _listener.set(listen)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(done: int, steps: int) -> None:
    """Reports the progress of a training."""
    _listener.get()(Progress(done, steps))
