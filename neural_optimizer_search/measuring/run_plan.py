"""What one training run of a child is, apart from its rule."""

from typing import NamedTuple

from neural_optimizer_search.schedule_shape import CONSTANT, Schedule


class RunPlan(NamedTuple):
    """A training run of a fresh child.

    Attributes:
      learning_rate: λ in w <- w·(1 - λ_t·decay) - λ_t·update, where λ_t is λ times the schedule's factor of t.
      seed: Sets the initial weights, the batches and the rule's noise.
      steps: Number of steps; T of the decay operands and of the schedule.
      validate_every: Steps between validations; divides `steps`.
      schedule: The learning-rate schedule of the run.
      weight_decay: Weight decay relative to the rate, at least 0.
    """

    learning_rate: float
    seed: int
    steps: int
    validate_every: int
    schedule: Schedule = CONSTANT
    weight_decay: float = 0.0
