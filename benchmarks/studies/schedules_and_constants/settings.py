"""The settings with which each rule is measured."""

from typing import NamedTuple

from neural_optimizer_search.dsl.constants_read import find_constants
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.schedule_shape import CONSTANT, DECAYS, Schedule

RULES = {
    "Adam": "Adam",
    "Nadam": "nesterov / sqrt(v)",
    "PowerSign": "exp(sign(g) * sign(m)) * g",
    "AddSign": "(1 + sign(g) * sign(m)) * g",
    # Found on `digits`, the last one on `cifar10`: see sections 7 and 8 of benchmarks/results/README.md.
    # The best one there is left out, because it divides by 0 + δ and needs rates of 1e-10, far from all others.
    "evolution 1": "drop(Adam, 0.1) * exp(sign(m) * sign(g))",
    "evolution 2": "drop(Adam, 0.1) * exp(drop(sign(m), 0.5) * sign(g))",
    "PPO 1": "Adam - drop(-RMSProp, 0.3)",
    "PPO 2": "Adam - drop(-sign(g), 0.5)",
    "PPO 3": "drop(Adam, 0.5)",
}
WARM_UPS = (0.0, 0.1)
DECAYED = "linear"  # the schedule with which constants are changed
CONSTANTS = tuple(
    f"{name}={value}"
    for name, values in dict(beta_1=("0.5", "0.8", "0.95"), beta_2=("0.9", "0.99"), epsilon=("1e-5", "1e-3")).items()
    for value in values
)


class Setting(NamedTuple):
    """The setting with which a rule is measured.

    Attributes:
      name: Name of the rule, a key of `RULES`.
      schedule: Text of a schedule, for `parse_schedule`.
      constants: Constants that differ from the papers', such as ("beta_1=0.8",).
    """

    name: str
    schedule: str = str(CONSTANT)
    constants: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """The formula of the rule, with its constants."""
        return ", ".join([RULES[self.name], *self.constants])


def list_schedules(warm_up: float) -> list[str]:
    """Every decay with this warm-up, as the texts of schedules."""
    return [str(Schedule(decay, warm_up)) for decay in DECAYS]


def list_settings(name: str) -> list[Setting]:
    """Every schedule with the papers' constants, and every changed constant of the rule with one schedule."""
    read = find_constants(parse_formula(RULES[name]))
    schedules = [Setting(name, schedule) for warm_up in WARM_UPS for schedule in list_schedules(warm_up)]
    return schedules + [Setting(name, DECAYED, (text,)) for text in CONSTANTS if text.partition("=")[0] in read]


def put_together(name: str, losses: dict[Setting, float]) -> Setting:
    """The best schedule with the best value of each constant.

    Args:
      name: Name of the rule.
      losses: Losses of the settings of `list_settings`.
    """
    settings = list_settings(name)
    schedule = min((one for one in settings if not one.constants), key=losses.__getitem__).schedule
    chosen = []
    for constant in ("beta_1", "beta_2", "epsilon"):
        changed = [one for one in settings if one.constants and one.constants[0].startswith(constant)]
        chosen += min([Setting(name, DECAYED), *changed], key=losses.__getitem__).constants
    return Setting(name, schedule, tuple(chosen))
