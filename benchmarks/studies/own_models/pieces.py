"""The pieces that are measured: one arm on one task with one budget and one outer seed, and its result."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Piece(NamedTuple):
    """What is measured in one go.

    Attributes:
      task: The name of one of `own_tasks`.
      arm: A row of `ARMS`.
      trainings: The budget, in trainings: all gradient steps together are so many times those of one training.
      seed: The outer seed: of the split of the data, of the weights, and of what proposes.
    """

    task: str
    arm: str
    trainings: int
    seed: int


class Winner(NamedTuple):
    """What an arm would have a person train with.

    Attributes:
      rule: A formula, with its constants.
      rate: The learning rate, of which the schedule takes its part in each step.
      schedule: Such as "cosine, warm-up 0.1".
      weight_decay: As a share of the rate.
      score: What the arm saw of it on validation data; optimistic, for it chose by that.
      steps: Gradient steps that were spent.
      tried: Settings, or rules, that were tried.
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
      scores: Score at the end of each training, higher is better; 0 for one that diverged.
      metrics: The task's own metric at the end of each; None for one that diverged.
      curve: Mean scores at the validations.
      seconds: Processor time of finding the winner.
      wall: Time that it took.
    """

    winner: Winner
    scores: Sequence[float]
    metrics: Sequence[Any]
    curve: Sequence[float]
    seconds: float
    wall: float


def read_outcome(kept: dict[str, Any]) -> Outcome:
    """An `Outcome` as JSON holds it."""
    return Outcome(**{**kept, "winner": Winner(**kept["winner"])})


def write_outcome(outcome: Outcome) -> dict[str, Any]:
    """An `Outcome` for JSON."""
    return dict(outcome._asdict(), winner=outcome.winner._asdict())
