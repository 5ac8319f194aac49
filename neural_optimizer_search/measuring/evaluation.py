"""The measurement of one rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.schedule_shape import CONSTANT


class Part(NamedTuple):
    """What a rule is worth on one of several tasks.

        score = max(0, (reward - zero) / (one - zero))

    Attributes:
      task: The name of the task.
      zero, one: The rewards there that have the scores 0 and 1; `one` is the larger.
      rewards: One per seed.
      accuracy, status, learning_rate, schedule, weight_decay, steps: As of an `Evaluation` on this task alone; the
        status is "ok" or "diverged".

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
        """What the reward is worth, at least 0."""
        return max(0.0, (self.reward - self.zero) / (self.one - self.zero))

    @property
    def scores(self) -> tuple[float, ...]:
        """What each reward is worth, so that their mean is `score`: below 0 where one of a good rule is that bad."""
        if self.score == 0.0:
            return (0.0,) * len(self.rewards)
        return tuple((reward - self.zero) / (self.one - self.zero) for reward in self.rewards)


@dataclass(frozen=True)
class Evaluation:
    """What training a child with a rule gave.

    Attributes:
      rule: The `Rule`.
      reward: What a controller is paid: the mean of `rewards`; 0 if the rule diverged with every seed. Of a rule that
        was stopped, an estimate of it. At least 0, and at most 1 but for a rule that was measured on several tasks.
      status: "ok"; "diverged" if a final run, or every run of the sweep, stopped being finite; "screened" if the
        screen saw that no child needs to be trained; "stopped" if it could not reach the best known rules, and was
        not measured to its end; or one of `FAILURES`: it could not be measured, twice.
      message: One sentence that says what happened.
      learning_rate: The chosen learning rate; None if every rate diverged.
      accuracy: Mean over seeds of the score at the end of the final run: of a shipped task the validation accuracy.
      rewards: One per seed; of a rule that was stopped, of the seeds that it was trained with.
      sweep: (learning rate, mean validation cross-entropy over the seeds it was tried with, or None if it diverged),
        one per rate that was tried.
      seconds: Time it took.
      seeds: Of the trainings.
      worker: Where it was measured: the machine's name and the process's number.
      key: Equal for rules that are one function to the search, and so have one evaluation.
      flipped: Whether `rule` is the sign flip of what was proposed.
      cached: Whether it was measured by another search.
      schedule: How the rate went in the course of the final runs: the text of a `Schedule`, the best of those that
        the protocol has. "constant" if there were none.
      weight_decay: Of the final runs, likewise.
      steps: Gradient steps spent on it, those of the probe and of runs that diverged included.
      sweep_reward: What the best run of the sweep with the first seed would be paid; 0 if every rate diverged.
      alike: Whether it is the evaluation of another function, which behaves alike.
      form: The key of the evaluation whose rule this is with constants, schedule and decay tuned; "" if it is
        tuned from none.
      parts: What it is made of if it was measured on several tasks, in the order of these: a `Part` of each, or of
        those before it was stopped. Then the reward is the mean of their scores, and `learning_rate`, `schedule` and
        `weight_decay` are those of the first part.
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

    @property
    def screened(self) -> bool:
        """Whether the screen saw that no child needs to be trained."""
        return self.status == "screened"

    @property
    def training_setting(self) -> str:
        """Schedule and weight decay of the final runs, in words, and whether all that was tuned.

        "" for a constant rate without a weight decay.
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

    @property
    def deviation(self) -> Optional[float]:
        """The standard deviation of the rewards over the seeds; None if there is one seed."""
        # NumPy, because a ledger may hold what is no number, for which `statistics.stdev` raises an AttributeError.
        return float(np.std(self.rewards, ddof=1)) if len(self.rewards) > 1 else None


def _describe_setting(trained):
    words = [
        trained.schedule if trained.schedule != str(CONSTANT) else "",
        f"weight decay {trained.weight_decay:g}" if trained.weight_decay else "",
    ]
    return ", ".join(filter(None, words))


# The task raised an error; the worker's time was up; its process ended; its memory was not enough.
FAILURES = ("failed", "timeout", "killed", "out of memory")
# What was measured to its end, so that its reward is the one that every search would find.
MEASURED = ("ok", "diverged")
STATUSES = (*MEASURED, "screened", "stopped", *FAILURES)

# How far rounding may take a score out of [0, 1].
_ROUNDING = 1e-6


def is_reward(value: float) -> bool:
    """Whether a number can be a reward, or a score that one is made of: it is in [0, 1], up to rounding."""
    return -_ROUNDING <= value <= 1.0 + _ROUNDING


def name_tasks(evaluations: Iterable[Evaluation]) -> list[str]:
    """The tasks that evaluations on several have parts of, in their order; none of one task.

    What was stopped does not have them all.
    """
    return [part.task for part in max((e.parts for e in evaluations), key=len, default=())]


def shorten_tasks(tasks: Sequence[str]) -> dict[str, str]:
    """Tasks by their names -> what tables call them: of `module:attribute` the part in which they differ.

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
    """The evaluation of a rule that no child was trained with to its end: "screened", or a failure."""
    return Evaluation(rule, 0.0, status, message, learning_rate=None, accuracy=0.0, rewards=(), sweep=(), seconds=0.0)
