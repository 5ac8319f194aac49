"""What a tuner found, whichever it is."""

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
      seconds: Processor time of all of them, and of what the tuner itself needs.
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
        """What was found, as a training, and what it took."""
        return cls(training.rule, training.rate, training.schedule, training.weight_decay, score, **counts)

    def training(self, task: str, seed: int, on_test: bool) -> Training:
        """The training of a child with it."""
        return Training(task, self.rule, self.rate, seed, self.schedule, self.weight_decay, on_test=on_test)
