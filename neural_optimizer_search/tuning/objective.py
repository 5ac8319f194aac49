"""The objective of a tuning, which loads its task when needed and explains the errors that the task raises."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.trials.first_trials import count_probe_steps
from neural_optimizer_search.trials.objective import Objective, Progress
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.workers.executor import Failure, TaskFailed
from neural_optimizer_search.workers.measuring_worker import explain


class TaskObjective:
    """The `Objective` of a task under a protocol. It is traced once per process, because tracing takes seconds.

    Args:
      task, protocol, data_dir: See `Evaluator`.
      reward: See `Objective`.

    Attributes:
      steps, probe_steps, seeds: See `Objective`.
      on_failure: Called with the `Failure` of a task that cannot be trained, before a `TaskFailed` is raised.
    """

    on_failure: Callable[[Failure], None] = staticmethod(lambda failure: None)

    def __init__(self, task: Task, protocol: Protocol, reward: str, data_dir: Optional[str] = None):
        self._task, self._protocol, self._reward, self._data_dir = task, protocol, reward, data_dir
        self.steps, self.seeds = protocol.final_steps, protocol.seeds
        self.probe_steps = count_probe_steps(protocol)

    def prepare(self, seeds: Sequence[int]) -> None:
        """Traces the training if necessary, and makes the weights of these seeds in addition to the protocol's.

        Raises:
          TaskFailed: If that fails.
        """
        with self._telling():
            self._objective.prepare(seeds)

    @functools.cached_property
    def _objective(self) -> Objective:
        child = self._task.child(self._protocol, self._data_dir)
        training = ChildTraining(child)
        training.prepare(self.seeds)
        return Objective(training, self._protocol, self._reward, child.uniform_loss)

    def find_scale(self, rule: Rule) -> Optional[float]:
        """See `Objective`."""
        with self._telling():
            return self._objective.find_scale(rule)

    def train(self, setting: Setting, seed: int) -> Iterator[Progress]:
        """See `Objective`."""
        with self._telling():
            yield from self._objective.train(setting, seed)

    def train_whole(self, setting: Setting, seed: int) -> float:
        """See `Objective`."""
        with self._telling():
            return self._objective.train_whole(setting, seed)

    @contextlib.contextmanager
    def _telling(self):
        """Turns any exception of the task into a `TaskFailed` with an explanation."""
        try:
            yield
        except Exception as error:  # the task may be the user's code
            why = explain(error)
            self.on_failure(Failure("", why.message, why.traceback))
            raise TaskFailed(why.message, why.traceback) from error
