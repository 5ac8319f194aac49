"""The work of a worker, wherever it runs: it prepares an evaluator, and measures rules with it."""

import dataclasses
import os
import socket
from collections.abc import Callable
from typing import Optional, Union

import tensorflow as tf

from neural_optimizer_search.command_line import MissingPackage
from neural_optimizer_search.describe_error import describe_error, format_traceback, is_of_this_package
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.joint import JointEvaluator
from neural_optimizer_search.measuring.kept_runs import CannotKeep
from neural_optimizer_search.measuring.outcome import WrongScores
from neural_optimizer_search.measuring.progress import Progress, told_to
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.tasks.joint_task import JointTask, Measurable
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.step_failed import StepFailed
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.workers.executor import MEASURE, Ask
from neural_optimizer_search.workers.placement import ONE_THREAD, Misplaced, Share
from neural_optimizer_search.workers.worker import Answer, Failed, Measured, Ready, StartAnswer, Unmeasurable

# Everything that a task may raise: it may be the user's code, which may even call `sys.exit`.
THEIRS = BaseException


class MeasuringWorker:
    """Measures rules. An error is reported in words, because only the worker may know its class.

    Args:
      make: Called without arguments, returns rule -> `Evaluation`.
      listen: Called with the `Progress` of trainings, every few seconds.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[Rule], Evaluation]],
        listen: Callable[[Progress], None] = lambda progress: None,
    ):
        self._make, self._listen = make, listen
        self._progress: Optional[Progress] = None
        self._evaluate: Optional[Callable[[Rule], Evaluation]] = None
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def prepare(self) -> StartAnswer:
        """Makes the evaluator."""
        try:
            self._evaluate = self._make()
        except THEIRS as error:
            return explain(error)
        return Ready()

    def measure(self, rule: Rule, ask: Ask = MEASURE) -> Answer:
        """Measures a rule, or answers another request about it, after `prepare`."""
        try:
            assert self._evaluate is not None
            with told_to(self._hear):
                found = ask.answer(self._evaluate, rule)
            return Measured(dataclasses.replace(found, worker=self._name) if isinstance(found, Evaluation) else found)
        except (CannotKeep, WrongScores) as error:
            return Unmeasurable(str(error))
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            return Failed("out of memory", *_describe(error))
        except THEIRS as error:
            return Failed("failed", *_describe(error))
        finally:
            self._progress = None

    def progress(self) -> Optional[Progress]:
        """The progress of the current training, for other threads; None if unknown."""
        return self._progress

    def _hear(self, progress):
        self._progress = progress
        self._listen(progress)


def make_evaluator(
    task: Measurable, protocol: Protocol, data_dir: Optional[str], share: Share = ONE_THREAD
) -> Union[Evaluator, JointEvaluator]:
    """Takes a `Share` and creates an `Evaluator`; for several tasks with their protocols, a `JointEvaluator`."""
    share.take()
    if isinstance(task, JointTask):
        return JointEvaluator({one.name: Evaluator(one, its, data_dir) for one, its in task.parts})
    return Evaluator(task, protocol, data_dir)


def explain(error: BaseException) -> Unmeasurable:
    """The answer that no rule can be measured, given an error that was raised before the first."""
    return Unmeasurable(str(error)) if _says_all(error) else Unmeasurable(*_describe(error))


def _says_all(error):
    """Whether the error's text was written for the user, and raised without code of the user in between."""
    if isinstance(error, OSError) and error.errno is not None:  # the system's words, which do not say where
        return False
    return isinstance(error, (UnknownTask, MissingPackage, Misplaced)) or (
        isinstance(error, (UserError, FileNotFoundError)) and is_of_this_package(error)
    )


def _describe(error):
    """(one line, the whole traceback)."""
    # A `StepFailed` describes its cause itself.
    return str(error) if isinstance(error, StepFailed) else describe_error(error), format_traceback(error)
