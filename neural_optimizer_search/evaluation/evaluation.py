"""The measurement of one rule."""

from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.dsl.rule import Rule


@dataclass(frozen=True)
class Evaluation:
    """What training a child with a rule gave.

    Attributes:
      rule: The `Rule`.
      reward: What a controller is paid: the mean of `rewards`; 0 if the rule diverged with every seed.
      status: "ok", or "diverged" if a final run, or every run of the sweep, stopped being finite.
      message: One sentence that says what happened.
      learning_rate: The chosen learning rate; None if every rate diverged.
      accuracy: Mean over seeds of the validation accuracy at the end of the final run.
      rewards: One per seed.
      sweep: (learning rate, mean validation cross-entropy or None if it diverged), one per rate.
      seconds: Time it took.
    """

    rule: Rule
    reward: float
    status: str
    message: str
    learning_rate: Optional[float]
    accuracy: float
    rewards: tuple
    sweep: tuple
    seconds: float
