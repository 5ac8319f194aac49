"""The result of measuring one rule."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.schedule_shape import CONSTANT


class Part(NamedTuple):
    """The score of a rule on one of several tasks.

        score = max(0, (reward - zero) / (one - zero))

    Attributes:
      task: The name of the task.
      zero, one: The rewards on this task that correspond to the scores 0 and 1; `one` is the larger.
      rewards: One per seed.
      accuracy, status, learning_rate, schedule, weight_decay, steps: Fields of the `Evaluation` on this task alone;
        the status is "ok" or "diverged".

    Example:
      >>> from neural_optimizer_search.measuring.evaluation import Part
      >>> part = Part("digits", zero=0.5, one=0.7, rewards=(0.8, 0.74), accuracy=0.9, status="ok", learning_rate=0.1)
      >>> f"{part.score:.2f}", [f"{score:.2f}" for score in part.scores]
      ('1.35', ['1.50', '1.20'])
    """

    task: str
    zero: float
    one: float
    rewards: tuple[float, ...]
    accuracy: float
    status: str
    learning_rate: Optional[float]
    schedule: str = str(CONSTANT)
    weight_decay: float = 0.0
    steps: int = 0

    @property
    def reward(self) -> float:
        """The mean of the rewards."""
        return sum(self.rewards) / len(self.rewards)

    @property
    def score(self) -> float:
        """The score of the reward, at least 0."""
        return max(0.0, (self.reward - self.zero) / (self.one - self.zero))

    @property
    def scores(self) -> tuple[float, ...]:
        """The scores of the rewards, whose mean is `score`; a single one may be below 0 unless `score` is 0."""
        if self.score == 0.0:
            return (0.0,) * len(self.rewards)
        return tuple((reward - self.zero) / (self.one - self.zero) for reward in self.rewards)


@dataclass(frozen=True)
class Evaluation:
    """The result of training a child with a rule.

    Attributes:
      rule: The `Rule`.
      reward: The reward for a controller: the mean of `rewards`; 0 if the rule diverged with every seed. For a rule
        that was stopped, an estimate. At least 0, and at most 1 unless the rule was measured on several tasks.
      status: "ok"; "diverged" if a final run, or every run of the sweep, became non-finite; "screened" if the screen
        found that no child needs to be trained; "stopped" if the rule could not reach the best known rules, and was
        not fully measured; or one of `FAILURES` if two attempts to measure it failed.
      message: One sentence that says what happened.
      learning_rate: The chosen learning rate; None if every rate diverged.
      accuracy: Mean over seeds of the score at the end of the final run: for a shipped task, the validation accuracy.
      rewards: One per seed; for a rule that was stopped, one per seed it was trained with.
      sweep: (learning rate, mean validation cross-entropy over the seeds it was tried with, or None if it diverged),
        one per rate that was tried.
      seconds: Duration of the measurement.
      seeds: Seeds of the training runs.
      worker: Where it was measured: the name of the machine and the process id.
      key: Equal for rules that are the same function to the search, and so share one evaluation.
      flipped: Whether `rule` is the sign flip of the proposed rule.
      cached: Whether another search measured it.
      schedule: Learning-rate schedule of the final runs: the best of the protocol's schedules, as the text of a
        `Schedule`; "constant" if the protocol has none.
      weight_decay: Weight decay of the final runs, chosen in the same way.
      steps: Gradient steps of the whole measurement, including the probe and runs that diverged.
      sweep_reward: Reward that the best run of the sweep with the first seed would have; 0 if every rate diverged.
      alike: Whether the evaluation was taken over from another function that behaves alike.
      form: For a rule with tuned constants, schedule and decay, the key of the evaluation of its original; for a
        trial of a known optimizer's form, the key of that optimizer; else "".
      parts: For a rule measured on several tasks, a `Part` for each task in order, or for those before it was
        stopped. The reward is then the mean of their scores, and `learning_rate`, `schedule` and `weight_decay` are
        those of the first part.
      curves: For a measurement with given seeds on one task, the scores at the validations of each seed's training,
        at equal intervals; 0 after divergence. Otherwise empty.
    """

    rule: Rule
    reward: float
    status: str
    message: str
    learning_rate: Optional[float]
    accuracy: float
    rewards: tuple[float, ...]
    sweep: tuple[tuple[float, Optional[float]], ...]
    seconds: float
    seeds: tuple[int, ...] = ()
    worker: str = ""
    key: str = ""
    flipped: bool = False
    cached: bool = False
    schedule: str = str(CONSTANT)
    weight_decay: float = 0.0
    steps: int = 0
    sweep_reward: float = 0.0
    alike: bool = False
    form: str = ""
    parts: tuple[Part, ...] = ()
    curves: tuple[tuple[float, ...], ...] = ()

    @property
    def screened(self) -> bool:
        """Whether the screen found that no child needs to be trained."""
        return self.status == "screened"

    @property
    def training_setting(self) -> str:
        """The schedule and weight decay of the final runs in words, and whether the rule was tuned.

        "" for an untuned rule with a constant rate and no weight decay.
        """
        if len(set(map(_describe_setting, self.parts))) > 1:
            short = shorten_tasks([part.task for part in self.parts])
            settings = {short[part.task]: _describe_setting(part) for part in self.parts}
            return "; ".join(f"{task}: {setting}" for task, setting in settings.items() if setting)
        return ", ".join(filter(None, ["tuned" if self.form else "", _describe_setting(self)]))

    @property
    def has_one_setting(self) -> bool:
        """Whether it was trained with one rate, schedule and weight decay, on however many tasks."""
        return len({(one.learning_rate, one.schedule, one.weight_decay) for one in self.parts}) <= 1

    def find_setting(self, task: str = "") -> Optional[tuple[float, str, float]]:
        """Learning rate, schedule and weight decay of the final runs; None if every rate diverged.

        Of a measurement on several tasks, those on `task` if it is among them, otherwise those on the first.
        """
        one: Union[Evaluation, Part] = next((part for part in self.parts if part.task == task), self)
        return None if one.learning_rate is None else (one.learning_rate, one.schedule, one.weight_decay)

    @property
    def deviation(self) -> Optional[float]:
        """The standard deviation of the rewards over the seeds; None if there is one seed."""
        # NumPy, because a ledger may hold values that are not numbers, for which `statistics.stdev` raises an
        # AttributeError.
        return float(np.std(self.rewards, ddof=1)) if len(self.rewards) > 1 else None


def _describe_setting(trained):
    words = [
        trained.schedule if trained.schedule != str(CONSTANT) else "",
        f"weight decay {trained.weight_decay:g}" if trained.weight_decay else "",
    ]
    return ", ".join(filter(None, words))


# The task raised an error; the worker ran out of time; its process ended; it ran out of memory.
FAILURES = ("failed", "timeout", "killed", "out of memory")
# Statuses of fully measured rules, whose reward would be the same in every search.
MEASURED = ("ok", "diverged")
STATUSES = (*MEASURED, "screened", "stopped", *FAILURES)

# Tolerance for scores that rounding moves out of [0, 1].
_ROUNDING = 1e-6


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold."""
    # JSON has integers of any length, and large ones do not fit a float.
    return math.isfinite(value) if isinstance(value, float) else type(value) is int and abs(value) < 2**63


def is_reward(value: float) -> bool:
    """Whether a number can be a reward or a score: it is in [0, 1], up to rounding."""
    return -_ROUNDING <= value <= 1.0 + _ROUNDING


def name_tasks(evaluations: Iterable[Evaluation]) -> list[str]:
    """The names of the tasks in evaluations on several tasks, in order; empty for a single task.

    They are those of the evaluation with the most parts, because stopped evaluations lack some.
    """
    return [part.task for part in max((e.parts for e in evaluations), key=len, default=())]


def shorten_tasks(tasks: Sequence[str]) -> dict[str, str]:
    """Maps task names to short names for tables: for `module:attribute`, the part in which they differ.

    Example:
      >>> from neural_optimizer_search.measuring.evaluation import shorten_tasks
      >>> shorten_tasks(["digits", "my.module:task"]), shorten_tasks(["a.b:task", "a.c:task"])
      ({'digits': 'digits', 'my.module:task': 'task'}, {'a.b:task': 'b', 'a.c:task': 'c'})
    """
    of_attribute = [task.rpartition(":")[2] for task in tasks]
    of_module = [task.partition(":")[0].rpartition(".")[2] for task in tasks]
    short = next((names for names in (of_attribute, of_module) if len(set(names)) == len(tasks)), tasks)
    return dict(zip(tasks, short))


def without_reward(rule: Rule, status: str, message: str) -> Evaluation:
    """The evaluation of a rule without a completed training: "screened", or a failure."""
    return Evaluation(rule, 0.0, status, message, learning_rate=None, accuracy=0.0, rewards=(), sweep=(), seconds=0.0)
