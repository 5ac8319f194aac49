"""What a setting is worth: one training of a child that was traced once, for all settings."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluator import describe_wrong_scores
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks.protocol import REWARDS, Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.tuning.setting import Setting
from neural_optimizer_search.workers.executor import Failure, TaskFailed
from neural_optimizer_search.workers.measuring_worker import explain


class Progress(NamedTuple):
    """How far a training is.

    Attributes:
      steps: Gradient steps so far.
      value: What it would be worth if it ended here; 0 if it is not finite.
      finite: Whether it is finite.
    """

    steps: int
    value: float
    finite: bool


class Objective:
    """Trains the child of a task under a protocol, which is traced once in a process, as that takes seconds.

    Args:
      task, protocol, data_dir: As for `Evaluator`.
      reward: A row of `REWARDS`, that says what a training is worth.

    Attributes:
      steps: Gradient steps of a training.
      probe_steps: Those that `find_scale` needs.
      seeds: Of the trainings that settings are chosen by.
      on_failure: Called with the `Failure` of a task that cannot be trained, before a `TaskFailed` is raised.
    """

    on_failure: Callable[[Failure], None] = staticmethod(lambda failure: None)

    def __init__(self, task: Task, protocol: Protocol, reward: str, data_dir: Optional[str] = None):
        self._task, self._protocol, self._data_dir, self._pay = task, protocol, data_dir, REWARDS[reward]
        self.steps, self.seeds = protocol.final_steps, protocol.seeds
        self.probe_steps = protocol.probe_steps if protocol.centred else 0

    def prepare(self, seeds: Sequence[int]) -> None:
        """Traces the training, if that was not done, and makes the weights of these seeds beside those of its own.

        Raises:
          TaskFailed: If that fails.
        """
        with self._telling():
            train, _ = self._prepared
            train.prepare(seeds)

    @functools.cached_property
    def _prepared(self) -> tuple[ChildTraining, Optional[float]]:
        child = self._task.child(self._protocol, self._data_dir)
        training = ChildTraining(child)
        training.prepare(self.seeds)
        return training, child.uniform_loss

    def find_scale(self, rule: Rule) -> Optional[float]:
        """The root mean square of a rule's updates at the initial weights; None if it is not finite.

        With a protocol that does not centre its rates it is 1.
        """
        if not self.probe_steps:
            return 1.0
        with self._telling():
            train, _ = self._prepared
            probe = train(rule, 0.0, self.seeds[0], self.probe_steps, self.probe_steps)
        if not (probe.finite and np.isfinite(probe.update_rms)):
            return None
        return probe.update_rms or 1.0  # a rule that never moves is harmless at any rate

    def train(self, setting: Setting, seed: int) -> Iterator[Progress]:
        """Trains, and yields its progress at each validation."""
        every = self._protocol.validate_every
        yield from self._train_in_parts(setting, seed, range(every, self.steps + 1, every))

    def train_whole(self, setting: Setting, seed: int) -> float:
        """What a whole training is worth."""
        *_, last = self._train_in_parts(setting, seed, (self.steps,))
        return last.value

    def _train_in_parts(self, setting, seed, ends):
        every = self._protocol.validate_every
        with self._telling():
            train, uniform_loss = self._prepared
            for run in train.in_parts(
                setting.rule,
                setting.learning_rate,
                seed,
                self.steps,
                every,
                ends,
                setting.schedule,
                setting.weight_decay,
            ):
                seen = run.steps // every
                scores, losses = run.scores[:seen].tolist(), run.losses[:seen].tolist()
                finite = run.finite and bool(np.isfinite(losses).all())
                if finite and (wrong := describe_wrong_scores(scores)):
                    raise ValueError(wrong)
                yield Progress(run.steps, float(self._pay(scores, losses, uniform_loss)) if finite else 0.0, finite)
                if not finite:
                    return

    @contextlib.contextmanager
    def _telling(self):
        """What a task raises, which may be of any class, is told in words."""
        try:
            yield
        except Exception as error:  # the task may be somebody's own code
            why = explain(error)
            self.on_failure(Failure("", why.message, why.traceback))
            raise TaskFailed(why.message, why.traceback) from error
