"""Writes Python code that trains with a rule as it was measured."""

from typing import Optional, Protocol, Union

from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule, parse_schedule


class Trained(Protocol):
    """The setting that a rule was trained with, such as a trial of `nos-tune`."""

    @property
    def rule(self) -> Rule: ...
    @property
    def learning_rate(self) -> Optional[float]: ...
    @property
    def schedule(self) -> Union[Schedule, str]: ...
    @property
    def weight_decay(self) -> float: ...


def write_snippet(setting: Trained, steps: int) -> str:
    """Python code that creates an optimizer for a training of `steps` steps."""
    if setting.learning_rate is None:
        raise ValueError("Argument `setting` must have a learning rate. Received: None.")
    rate, schedule = write_number(setting.learning_rate), parse_schedule(setting.schedule)
    is_scheduled = schedule != CONSTANT
    if is_scheduled:
        rate = f'make_schedule("{schedule}", {rate}, steps)'
    arguments = [f"    {setting.rule.formula()!r},", f"    learning_rate={rate},"]
    if setting.weight_decay:
        arguments.append(f"    weight_decay={write_number(setting.weight_decay)},")
    if setting.rule.decays:
        arguments.append("    decay_steps=steps,")
    return "\n".join(
        [
            "from neural_optimizer_search.optimizers import RuleOptimizer",
            *(["from neural_optimizer_search.schedules import make_schedule"] if is_scheduled else []),
            f"steps = {steps}  # epochs * batches per epoch of your training; the rate was tuned for {steps}",
            "optimizer = RuleOptimizer(",
            *arguments,
            ")",
        ]
    )
