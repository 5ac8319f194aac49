"""How far a training is, for whoever waits for it, however deep inside of a measurement it runs."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Progress(NamedTuple):
    """How far a training is.

    Attributes:
      done: Steps done.
      steps: Steps of the whole training, of which a rule's measurement has several.
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
    """Has trainings in this context call `listen` every few seconds."""
    token = _listener.set(listen)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(done: int, steps: int) -> None:
    """Says how far a training is."""
    _listener.get()(Progress(done, steps))
