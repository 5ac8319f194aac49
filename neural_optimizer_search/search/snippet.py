"""Writes what trains with a rule as it was measured: Python code, and the command that writes a file."""

from typing import Optional, Protocol, Union

from neural_optimizer_search.command_line import quote
from neural_optimizer_search.dsl.exports import FRAMEWORKS
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


def write_snippet(setting: Trained, steps: int, variable: str = "optimizer") -> str:
    """Python code that assigns an optimizer for a training of `steps` steps to a variable."""
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
            f"{variable} = RuleOptimizer(",
            *arguments,
            ")",
        ]
    )


def write_file_command(setting: Trained) -> str:
    """The command of a file with the rule, which has the setting too."""
    rate, schedule, decay = setting.learning_rate, parse_schedule(setting.schedule), setting.weight_decay
    words = [
        quote(setting.rule.formula()),
        *(["--learning_rate", write_number(rate)] if rate is not None else []),
        *(["--schedule", quote(str(schedule))] if schedule != CONSTANT else []),
        *(["--weight_decay", write_number(decay)] if decay else []),
    ]
    return explain_file(" ".join(words))


def explain_file(rule: str) -> str:
    """Says how to write a rule as a file that needs only its framework, given the arguments of `nos-optimizers`."""
    others = ", ".join(name for name in FRAMEWORKS if name != "torch")
    return f"as a file for {FRAMEWORKS['torch'].title} (or {others}): nos-optimizers {rule} --source torch"
