"""The result of any tuner."""

from typing import Any, NamedTuple

from benchmarks.studies.common.trainings import Training


class Tuned(NamedTuple):
    """The best that a tuner found for one rule.

    Attributes:
      rule: The formula, with its constants.
      rate, schedule, weight_decay: See `Training`.
      score: Score on the validation data, as the tuner saw it.
      trials, pruned: Number of trials, and of those that were stopped early.
      steps: Gradient steps of all of them.
      seconds: Processor time of all of them and of the tuner itself.
    """

    rule: str
    rate: float
    schedule: str
    weight_decay: float
    score: float
    trials: int
    pruned: int
    steps: int
    seconds: float

    @classmethod
    def of(cls, training: Training, score: float, **counts: Any) -> "Tuned":
        """Makes the result from the best training and the cost of finding it."""
        return cls(training.rule, training.rate, training.schedule, training.weight_decay, score, **counts)

    def training(self, task: str, seed: int, on_test: bool) -> Training:
        """The training of a child with these settings."""
        return Training(task, self.rule, self.rate, seed, self.schedule, self.weight_decay, on_test=on_test)
