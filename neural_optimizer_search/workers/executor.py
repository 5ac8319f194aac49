"""The interface of an executor, which measures rules."""

import abc
import concurrent.futures
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional, TypeVar, Union

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.progress import Progress

# Seconds for a worker to import TensorFlow, read data and trace, and seconds for which a training may report no
# progress: a noisy machine or a large download takes its time.
FIRST_TIMEOUT = LONGEST_SILENCE = 3600
# The maximum time limit in seconds: `poll`, which waits for a worker, takes less than 2^31 milliseconds.
LONGEST_TIMEOUT = 1_000_000
# The minimum for a start if a rule's limit is lower: importing TensorFlow alone takes seconds.
LEAST_START_TIMEOUT = 60

_Executor = TypeVar("_Executor", bound="Executor")


@dataclass(frozen=True)
class Ask:
    """A request about a rule, to a method of the evaluator or to a function.

    A method gets the rule and these arguments; a function gets the evaluator first.

    Attributes:
      method: The method's name, where `__call__` measures the rule; or a function of a module, which pickles by name.
      arguments: Keyword arguments. They must pickle.
      patience: How many times the executor's time limit of a rule the request may take.
      measures: Whether an answer shows that rules of the task can be measured.
    """

    method: Union[str, Callable[..., Any]] = "__call__"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    patience: float = 1.0
    measures: bool = True

    def answer(self, evaluator: Any, rule: Rule) -> Any:
        """The answer of the evaluator, or of the function."""
        if callable(self.method):
            return self.method(evaluator, rule, **self.arguments)
        return getattr(evaluator, self.method)(rule, **self.arguments)


MEASURE = Ask()


class TaskFailed(Exception):
    """No rule can be measured; the message says why.

    Attributes:
      traceback: Traceback of the error that caused it, if there was one.
    """

    def __init__(self, message: str, traceback: str = ""):
        super().__init__(message)
        self.traceback = traceback


class Work(NamedTuple):
    """What a worker is doing.

    Attributes:
      what: Its activity, such as "one rule has been running".
      seconds: Duration so far.
      limit: Seconds that it may take; None if there is no limit.
      is_start: Whether it is the start of a worker.
      progress: Progress of its training; None if unknown.
    """

    what: str
    seconds: float
    limit: Optional[float]
    is_start: bool = False
    progress: Optional[Progress] = None

    def __str__(self) -> str:
        is_limited = self.limit is not None and self.limit < LONGEST_TIMEOUT
        limit = f"limit {self.limit:.0f} s" if is_limited else "no limit"
        how_far = f", {self.progress} of a training" if self.progress else ""
        return f"{self.what} for {self.seconds:.0f} s ({limit}){how_far}"


class Failure(NamedTuple):
    """A worker that did not start, or did not measure a rule.

    Attributes:
      formula: The rule's formula; "" if no rule is at fault.
      message: A sentence.
      traceback: Traceback of the error, if there was one.
    """

    formula: str
    message: str
    traceback: str


class Executor(abc.ABC):
    """Measures rules, several at a time. Every implementation passes `tests/contracts/test_executor_contract.py`.

    Every rule is trained with the same seeds, so neither the number of workers nor their order changes a reward.

    Attributes:
      workers: Number of rules that it measures at a time.
      title: The workers, in words.
      timeout: Seconds that a rule may take, and a request with more `patience` so many times longer, up to
        `LONGEST_TIMEOUT`; it may be set at any time, for rules that have not begun. Regardless of it, a worker that
        reports nothing for `LONGEST_SILENCE` seconds has failed.
      start_timeout: Seconds that a worker's start may take; None if there is no limit. It may also be set at any
        time.
      on_failure: Called with each `Failure` of a worker, by one thread at a time; it must not raise anything. It may
        also be set at any time.

    Use it as a context manager: leaving the context ends the workers, without waiting for their measurements.
    """

    workers: int = 1
    title: str = "1 worker"
    timeout: float = LONGEST_TIMEOUT
    start_timeout: Optional[float] = FIRST_TIMEOUT
    on_failure: Callable[[Failure], None] = staticmethod(lambda failure: None)

    @property
    def longest_work(self) -> Optional[Work]:
        """The request that has been in progress for longest; None if there is none, or if that is unknown."""
        return None

    @abc.abstractmethod
    def submit(self, rule: Rule, ask: Ask = MEASURE) -> "concurrent.futures.Future[Any]":
        """Starts to measure a rule.

        Args:
          rule: The `Rule`.
          ask: The request about it; by default its evaluation.

        Returns:
          A future of its `Evaluation`, or of the answer to another request. A rule that cannot be measured also has
          an evaluation, with the status of the failure and a reward of 0. The future raises `TaskFailed` if no rule
          can be measured, or if the workers were stopped.
        """

    def close(self) -> None:
        """Ends the workers, if there are any; futures of rules not measured yet raise `TaskFailed`."""
        return None

    def __call__(self, rules: Iterable[Rule]) -> Iterator[Evaluation]:
        """Yields the evaluation of each rule as soon as it is finished."""
        for future in concurrent.futures.as_completed([self.submit(rule) for rule in rules]):
            yield future.result()

    def __enter__(self: _Executor) -> _Executor:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
