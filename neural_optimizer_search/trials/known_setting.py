"""The trials of a rule whose setting is known: a run found the rule with it, or the catalogue recommends it."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.first_trials import FirstTrials, choose_first_trials, find_other_schedules
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.tunables import BEYOND, WEIGHT_DECAY, Tunable, find_tunables


class Space(NamedTuple):
    """What a `Study` tries: the tunables of a rule, and the first trials."""

    tunables: Sequence[Tunable]
    first: FirstTrials


def find_space(rule: Rule, protocol: Protocol, known: Optional[Setting], scale: Optional[float]) -> Space:
    """The `Space` of a rule, which begins with its known setting if there is one.

    Args:
      rule: The `Rule`.
      protocol: The `Protocol`.
      known: The known `Setting` of the rule; None without one.
      scale: The root mean square of the rule's updates; read only if there is a known setting.
    """
    if known is None:
        return Space(find_tunables(rule, protocol), choose_first_trials(protocol))
    assert scale is not None
    rate = known.learning_rate * scale
    tunables = find_tunables_of(known, protocol, scale)
    return Space([_include(rate, one) for one in tunables], _choose_first_trials(rate, known, protocol))


def find_tunables_of(known: Setting, protocol: Protocol, scale: float) -> list[Tunable]:
    """The tunables of a rule, whose own schedule and weight decay are those of its known setting."""
    decay = known.weight_decay / scale
    return [
        one._replace(scale=WEIGHT_DECAY.around(decay), own=decay) if one.name == "weight decay" else one
        for one in find_tunables(known.rule, dataclasses.replace(protocol, schedules=(known.schedule,)))
    ]


def _include(rate, tunable):
    if tunable.name != "rate":
        return tunable
    return tunable._replace(scale=tunable.scale.around(rate / BEYOND).around(rate * BEYOND), own=rate)


def _choose_first_trials(rate, known, protocol):
    """The known rate takes the place of the nearest of the protocol's rates, and comes first."""
    _, *others = sorted(protocol.learning_rates, key=lambda one: abs(math.log(one / rate)))
    return FirstTrials((rate, *others), find_other_schedules(known.schedule.decay))
