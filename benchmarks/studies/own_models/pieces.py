"""The pieces to measure, each one arm on one task with one budget and one outer seed, and their results."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional


class Piece(NamedTuple):
    """One piece of the measurements.

    Attributes:
      task: The name of one of `own_tasks`.
      arm: A row of `ARMS`.
      trainings: The budget: the total of gradient steps, as a multiple of those of one training.
      seed: The outer seed, for the split of the data, the weights and the proposals.
    """

    task: str
    arm: str
    trainings: int
    seed: int

    def describe(self) -> str:
        """The piece in words, for an error message."""
        return f"{self.arm} on {self.task} with {self.trainings} trainings and seed {self.seed}"


class Winner(NamedTuple):
    """The setting that an arm recommends.

    Attributes:
      rule: A formula, with its constants.
      rate: The learning rate, which the schedule multiplies by a factor in each step.
      schedule: Text of a schedule, such as "cosine, warm-up 0.1".
      weight_decay: Weight decay, relative to the rate.
      score: Its score on validation data; optimistic, because the arm chose by it.
      steps: Gradient steps spent.
      tried: Number of settings or rules tried.
    """

    rule: str
    rate: float
    schedule: str
    weight_decay: float
    score: float
    steps: int
    tried: int


class Outcome(NamedTuple):
    """The results of a winner with fresh seeds on test data, each measured once.

    Attributes:
      winner: The `Winner`.
      scores: Score of each training, the mean of the last third of its validations, higher is better; 0 for one that
        diverged.
      metrics: The task's own metric, likewise; None for one that diverged.
      curve: Mean scores at the validations.
      seconds: Processor time of finding the winner, in seconds; None if it was stopped and continued in between.
      wall: Elapsed time of finding the winner, likewise.
    """

    winner: Winner
    scores: Sequence[float]
    metrics: Sequence[Any]
    curve: Sequence[float]
    seconds: Optional[float]
    wall: Optional[float]


def read_outcome(kept: dict[str, Any]) -> Outcome:
    """Reads an `Outcome` from its JSON form.

    Raises:
      TypeError: If it has other fields.
      ValueError: If a score is not finite.
    """
    outcome = Outcome(**{**kept, "winner": Winner(**kept["winner"])})
    if not all(map(math.isfinite, [*outcome.scores, *outcome.curve, outcome.winner.rate])):
        raise ValueError("its scores and its rate must be finite")
    return outcome


def write_outcome(outcome: Outcome) -> dict[str, Any]:
    """The JSON form of an `Outcome`."""
    return dict(outcome._asdict(), winner=outcome.winner._asdict())
