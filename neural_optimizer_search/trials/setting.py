"""The setting with which a child is trained: a rule with its constants, rate, schedule and weight decay."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neural_optimizer_search.dsl.constants_read import find_constants
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluator import LARGEST_RATE
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule
from neural_optimizer_search.trials.numbers_in_rule import find_numbers, replace_numbers
from neural_optimizer_search.trials.tunables import round_off


@dataclass(frozen=True)
class Setting:
    """The setting that one trial tries.

    Attributes:
      rule: The `Rule`, with constants.
      learning_rate: The rate that the schedule's factors multiply.
      schedule: A `Schedule`.
      weight_decay: Decoupled weight decay, relative to the rate.
    """

    rule: Rule
    learning_rate: float
    schedule: Schedule = CONSTANT
    weight_decay: float = 0.0


def set_constants(rule: Rule, values: Mapping[str, Any]) -> Rule:
    """Sets a rule's constants by the names of its `Tunable`s; other entries of `values` are ignored."""
    own = {number.name: number.value for number in find_numbers(rule)}
    numbers = {name: values.get(name, number) for name, number in own.items()}
    constants = {name: values.get(name, number) for name, number in find_constants(rule).items()}
    if numbers == own and constants == find_constants(rule):
        return rule  # as it was written, not simplified
    return replace_numbers(rule, list(numbers.values()), constants)


def make_setting(rule: Rule, values: Mapping[str, Any], scale: float) -> Setting:
    """Makes a `Setting` from the values of a trial.

    Args:
      rule: The `Rule`, with the constants that `values` has.
      values: Values by the names of its `Tunable`s.
      scale: The root mean square of its updates; the rate and the weight decay in `values` are for a scale of 1.
    """
    return Setting(
        rule,
        round_off(min(values["rate"] / scale, LARGEST_RATE)),
        Schedule(values["schedule"], values["warm-up"]),
        round_off(values["weight decay"] * scale) if math.isfinite(scale) else 0.0,
    )
