"""The interface of a worker, which measures one rule at a time, and its answers."""

import typing
from typing import Any, NamedTuple, Optional, Union

from neural_optimizer_search.describe_error import describe_error
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.measuring.progress import Progress
from neural_optimizer_search.workers.executor import MEASURE, Ask

# What to do if memory runs out.
USE_LESS = "Use fewer --workers, or a smaller model, batch or set of data."


class Ready(NamedTuple):
    """The worker can measure rules.

    Attributes:
      description: Description of the task, if the worker was started to describe it.
    """

    description: Optional[Description] = None


class Measured(NamedTuple):
    """A rule was measured.

    Attributes:
      evaluation: Its `Evaluation`, or the answer to another request.
    """

    evaluation: Any


class Failed(NamedTuple):
    """The worker could not measure a rule, or could not start.

    Attributes:
      status: One of `evaluation.FAILURES`. After any but "failed", the worker's state is unknown.
      message: A sentence.
      traceback: Traceback of the error, if there was one.
    """

    status: str
    message: str
    traceback: str = ""


class Unmeasurable(NamedTuple):
    """No worker can measure any rule of the task.

    Attributes:
      message: The reason.
      traceback: Traceback of the error, if the message does not say everything.
    """

    message: str
    traceback: str = ""


Answer = Union[Measured, Failed, Unmeasurable]
StartAnswer = Union[Ready, Failed, Unmeasurable]


def cannot_send(error: Exception) -> Failed:
    """The answer to a request that does not pickle, of which the worker has seen nothing."""
    return Failed("failed", f"What was asked cannot be sent to a worker: {describe_error(error)}.")


class Worker(typing.Protocol):
    """Measures one rule at a time for a `WorkerPool`; it returns answers, and raises nothing.

    Every implementation passes `tests/contracts/test_worker_contract.py`.
    """

    @property
    def started(self) -> bool:
        """Whether it was started and not stopped since."""
        ...

    @property
    def needs_place(self) -> bool:
        """Whether its start waits for others to leave it a place, as on a cluster."""
        ...

    @property
    def progress(self) -> Optional[Progress]:
        """The progress of the current training; None if unknown."""
        ...

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        """Waits at most `seconds` until the worker can measure rules. After `stop`, it can start again."""
        ...

    def measure(self, rule: Rule, seconds: float, ask: Ask = MEASURE) -> Answer:
        """Measures a rule, or answers another request about it, in at most `seconds`.

        It may go without reporting progress for at most `LONGEST_SILENCE` seconds.
        """
        ...

    def stop(self) -> None:
        """Ends it at once, from any thread and in any state."""
        ...
