"""The training runs of one rule."""

import typing

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule


class Runs(typing.Protocol):
    """The interface of `RuleRuns` and `KeptRuns`, which train children with one rule."""

    def __call__(
        self,
        learning_rate: float,
        seed: int,
        steps: int,
        validate_every: int,
        schedule: Schedule = CONSTANT,
        weight_decay: float = 0.0,
    ) -> TrainingRun:
        """The `TrainingRun` of a rate and seed; see `ChildTraining` for the arguments."""
        ...

    def until(self, steps: int) -> int:
        """The step at which a run of this many steps stops."""
        ...

    @property
    def steps(self) -> int:
        """Steps done in all runs; for one that diverged, until it did."""
        ...


class RuleRuns:
    """Trains children with one rule; each run is done only once, and all steps are counted.

    Args:
      train: A `ChildTraining`.
      rule: A `Rule`.
    """

    def __init__(self, train: ChildTraining, rule: Rule):
        self._train = train
        self._rule = rule
        self._runs: dict[tuple, TrainingRun] = {}

    def __call__(
        self,
        learning_rate: float,
        seed: int,
        steps: int,
        validate_every: int,
        schedule: Schedule = CONSTANT,
        weight_decay: float = 0.0,
    ) -> TrainingRun:
        """The `TrainingRun` of a rate and seed; see `ChildTraining` for the arguments."""
        setting = (learning_rate, seed, steps, validate_every, schedule, weight_decay)
        if setting not in self._runs:
            self._runs[setting] = self._train(self._rule, *setting)
        return self._runs[setting]

    def until(self, steps: int) -> int:
        """The step at which a run of this many steps stops: its end."""
        return steps

    @property
    def steps(self) -> int:
        """Steps done in all runs; for one that diverged, until it did."""
        return sum(run.steps for run in self._runs.values())


def is_finite(run: TrainingRun) -> bool:
    """Whether loss, weights and all validation losses stayed finite."""
    return run.finite and bool(np.isfinite(run.losses).all())
