"""The training runs of one rule."""

import typing

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining


class Runs(typing.Protocol):
    """The interface of `RuleRuns` and `KeptRuns`, which train children with one rule."""

    def __call__(self, plan: RunPlan) -> TrainingRun:
        """The results of a run."""
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
        self._runs: dict[RunPlan, TrainingRun] = {}

    def __call__(self, plan: RunPlan) -> TrainingRun:
        """The results of a run."""
        if plan not in self._runs:
            self._runs[plan] = self._train(self._rule, plan)
        return self._runs[plan]

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
