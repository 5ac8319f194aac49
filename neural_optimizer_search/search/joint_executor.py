"""An executor for several tasks, which sends the scales of the scores to the workers."""

import concurrent.futures
import dataclasses
from collections.abc import Callable
from typing import Any, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.search.anchors import Anchors
from neural_optimizer_search.workers.executor import MEASURE, Ask, Executor, Failure, Work

SCORED = (MEASURE.method, "measure_setting")  # the requests whose rewards are scores


class JointExecutor(Executor):
    """Makes an executor measure rules on several tasks; tuned SGD and tuned Adam are not measured again.

    Args:
      executor: An `Executor` whose workers have a `JointEvaluator`; whoever opened it closes it.
      anchors: The `Anchors`.
    """

    def __init__(self, executor: Executor, anchors: Anchors):
        self._executor, self._scales = executor, anchors.scales
        self._measured = {e.rule.canonical(): e for e in anchors}

    def submit(self, rule: Rule, ask: Ask = MEASURE) -> "concurrent.futures.Future[Any]":
        """A future of the rule's evaluation, or of another request."""
        measured = self._measured.get(rule.canonical()) if ask == MEASURE else None
        if measured is not None:
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            future.set_result(dataclasses.replace(measured, rule=rule))
            return future
        if ask.method in SCORED:
            ask = dataclasses.replace(ask, arguments={**ask.arguments, "scales": self._scales})
        return self._executor.submit(rule, ask)

    @property
    def workers(self) -> int:
        """The number of rules that it measures at a time."""
        return self._executor.workers

    @property
    def longest_work(self) -> Optional[Work]:
        """The request that has been in progress for longest."""
        return self._executor.longest_work

    @property
    def timeout(self) -> float:
        """Seconds that a rule may take."""
        return self._executor.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._executor.timeout = seconds

    @property
    def start_timeout(self) -> Optional[float]:
        """Seconds that a worker's start may take."""
        return self._executor.start_timeout

    @start_timeout.setter
    def start_timeout(self, seconds: Optional[float]) -> None:
        self._executor.start_timeout = seconds

    @property
    def on_failure(self) -> Callable[[Failure], None]:
        """The function that is called with each failure of a worker."""
        return self._executor.on_failure

    @on_failure.setter
    def on_failure(self, call: Callable[[Failure], None]) -> None:
        self._executor.on_failure = call
