"""The contract of a worker, which measures one rule at a time, and what it answers."""

import typing
from typing import Any, NamedTuple, Optional, Union

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.measuring.progress import Progress
from neural_optimizer_search.workers.executor import MEASURE, Ask


class Ready(NamedTuple):
    """The worker can measure rules.

    Attributes:
      description: Of the task, if the worker was started to describe it.
    """

    description: Optional[Description] = None


class Measured(NamedTuple):
    """A rule was measured.

    Attributes:
      evaluation: Its `Evaluation`, or what else was asked for.
    """

    evaluation: Any


class Failed(NamedTuple):
    """The worker could not measure a rule, or not start.

    Attributes:
      status: One of `evaluation.FAILURES`. After any but "failed" nobody knows in which state the worker is.
      message: A sentence.
      traceback: Of the error, if there was one.
    """

    status: str
    message: str
    traceback: str = ""


class Unmeasurable(NamedTuple):
    """No worker can measure any rule of the task.

    Attributes:
      message: Why.
      traceback: Of the error, if the message does not say all.
    """

    message: str
    traceback: str = ""


Answer = Union[Measured, Failed, Unmeasurable]
StartAnswer = Union[Ready, Failed, Unmeasurable]


class Worker(typing.Protocol):
    """Measures one rule at a time for a `WorkerPool`; it answers, and raises nothing.

    Every implementation passes `tests/contracts/test_worker_contract.py`.
    """

    @property
    def started(self) -> bool:
        """Whether it was started and not stopped since."""
        ...

    @property
    def progress(self) -> Optional[Progress]:
        """How far the training under way is; None if nobody knows."""
        ...

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        """Waits until it can measure rules, for at most so many seconds. After `stop` it can start anew."""
        ...

    def measure(self, rule: Rule, seconds: float, ask: Ask = MEASURE) -> Answer:
        """Measures a rule, or does what is asked about it, in at most so many seconds.

        For at most `LONGEST_SILENCE` of them nothing may be heard of its progress.
        """
        ...

    def stop(self) -> None:
        """Ends it at once, from any thread, in whichever state it is."""
        ...
