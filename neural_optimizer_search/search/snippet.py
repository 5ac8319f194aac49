"""Writes the Python with which a rule trains as it was measured."""

from typing import Optional, Protocol, Union

from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.tasks.schedule import Schedule, parse_schedule


class Trained(Protocol):
    """What a rule was trained with, such as a trial of `nos-tune`."""

    @property
    def rule(self) -> Rule: ...
    @property
    def learning_rate(self) -> Optional[float]: ...
    @property
    def schedule(self) -> Union[Schedule, str]: ...
    @property
    def weight_decay(self) -> float: ...


def write_snippet(setting: Trained, steps: int) -> str:
    """Python that makes an optimizer, for a training of so many steps."""
    rates = _write_rates(setting, steps)
    arguments = [repr(setting.rule.formula()), "learning_rate=rate"]
    if setting.weight_decay:
        arguments.append(f"weight_decay={write_number(setting.weight_decay)}")
    if setting.rule.decays:
        arguments.append("decay_steps=steps")
    names = [name for name in ("LinearCosineDecay", "WarmUp") if name in rates]
    return "\n".join(
        [
            *(["import keras"] if "keras." in rates else []),
            "from neural_optimizer_search.optimizers import RuleOptimizer",
            *([f"from neural_optimizer_search.schedules import {', '.join(names)}"] if names else []),
            f"steps = {steps}  # epochs * batches per epoch of your training; the rate was tuned for {steps}",
            rates,
            f"optimizer = RuleOptimizer({', '.join(arguments)})",
        ]
    )


def _write_rates(setting, steps):
    schedule = parse_schedule(setting.schedule)
    warmup, decayed = schedule.warmup, _SCHEDULES[schedule.decay]
    if setting.learning_rate is None:
        raise ValueError("Argument `setting` must have a learning rate. Received: None.")
    rate = write_number(setting.learning_rate)
    if not min(round(warmup * steps), steps - 1):  # as `Schedule.factors` has it
        return f"rate = {decayed.format(rate=rate, steps='steps')}"
    return "\n".join(
        [
            f"warmup = round({warmup:g} * steps)",
            f"rate = {decayed.format(rate=rate, steps='steps - warmup')}",
            "rate = WarmUp(rate, warmup)",
        ]
    )


_SCHEDULES = {
    "constant": "{rate}",
    "linear": "keras.optimizers.schedules.PolynomialDecay({rate}, {steps}, end_learning_rate=0.0)",
    "cosine": "keras.optimizers.schedules.CosineDecay({rate}, {steps})",
    "linear_cosine": "LinearCosineDecay({rate}, {steps}, beta=0.0)",
}
