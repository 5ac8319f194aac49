"""The contract of an executor: where rules are measured."""

import abc
import concurrent.futures
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation

# Seconds for a rule until `timeout` is set to what suits the task.
FIRST_TIMEOUT = 3600.0

_Executor = TypeVar("_Executor", bound="Executor")


class TaskFailed(Exception):
    """No rule can be measured; the message says why."""


class Executor(abc.ABC):
    """Measures rules, several at a time. Every implementation passes `tests/contracts/test_executor_contract.py`.

    Every rule is trained with the same seeds, so neither the number of workers nor their order changes a reward.

    Attributes:
      workers: How many rules it measures at a time.
      timeout: Seconds that a rule may take; it may be set at any time, for rules that are not begun.

    Use it as a context manager: leaving the context ends the workers, and does not wait for what they measure.
    """

    workers: int = 1
    timeout: float = FIRST_TIMEOUT

    @abc.abstractmethod
    def submit(self, rule: Rule) -> "concurrent.futures.Future[Evaluation]":
        """Has a rule measured.

        Returns:
          A future of its `Evaluation`. A rule that cannot be measured has one too, with the status of the failure and
          the reward 0. The future raises `TaskFailed` if no rule can be measured, or if the workers were stopped.
        """

    def close(self) -> None:
        """Ends the workers; what they have not measured raises `TaskFailed`. There are none by default."""
        return None

    def __call__(self, rules: Iterable[Rule]) -> Iterator[Evaluation]:
        """Yields the evaluation of each rule as soon as it is there."""
        for future in concurrent.futures.as_completed([self.submit(rule) for rule in rules]):
            yield future.result()

    def __enter__(self: _Executor) -> _Executor:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
