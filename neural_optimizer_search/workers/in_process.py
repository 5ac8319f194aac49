"""An executor in this process, for tests and notebooks."""

import concurrent.futures
from collections.abc import Callable
from typing import Any

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.workers.executor import MEASURE, Ask, Executor


class InProcess(Executor):
    """Measures each rule at once, in this process: nothing can stop it, and errors are raised by the future.

    Args:
      evaluate: Rule -> `Evaluation`, such as an `Evaluator`; it needs the methods that requests name.
    """

    def __init__(self, evaluate: Callable[[Rule], Evaluation]):
        self._evaluate = evaluate

    def submit(self, rule: Rule, ask: Ask = MEASURE) -> "concurrent.futures.Future[Any]":
        """Answers the request; returns a future that is done."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(ask.answer(self._evaluate, rule))
        except Exception as error:
            future.set_exception(error)
        return future
