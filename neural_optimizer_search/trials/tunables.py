"""The hyperparameters that are tuned for a rule, and their ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union

from neural_optimizer_search.dsl import constants
from neural_optimizer_search.dsl.constants_read import find_constants
from neural_optimizer_search.dsl.families import ANY_NUMBER
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.schedule_shape import DECAYS
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.numbers_in_rule import FACTOR_OF_W, SHARE, find_numbers

DIGITS = 3  # significant digits of all values, so that the printed values are those that were measured


@dataclass(frozen=True)
class Scale:
    """A range and how it is divided.

    Attributes:
      low, high: Its ends, as the sampler sees them: of x, or of 1 - x if `of_complement`.
      is_log: Whether it is logarithmic.
      of_complement: Whether the sampler sees 1 - x, as for decay rates: 0.9 is as far from 0.99 as 0.99 from 0.999.
      zero_below: Values below it mean 0, which a logarithmic range lacks; 0 if the range needs no such threshold.
    """

    low: float
    high: float
    is_log: bool = True
    of_complement: bool = False
    zero_below: float = 0.0

    def read(self, x: float) -> float:
        """The value that the sampler's number stands for, rounded."""
        if self.of_complement:
            return round(1.0 - round_off(x), 12)
        return 0.0 if x < self.zero_below else round_off(x)

    def write(self, value: float) -> float:
        """The sampler's number for a value: the inverse of `read`."""
        return max(self.low, round(1.0 - value, 12) if self.of_complement else value)

    def move(self, x: float, part: float) -> float:
        """Moves the sampler's number by a part of the range, at most to the end of the range."""
        if not self.is_log:
            return min(max(x + part * (self.high - self.low), self.low), self.high)
        return min(max(max(x, self.low) * (self.high / self.low) ** part, self.low), self.high)

    def around(self, value: float) -> "Scale":
        """The range, widened if necessary to contain a value."""
        if value <= 0.0 and not self.of_complement:
            return self
        x = round(1.0 - value, 12) if self.of_complement else value
        return Scale(min(self.low, x), max(self.high, x), self.is_log, self.of_complement, self.zero_below)


def round_off(x: float) -> float:
    """A number with `DIGITS` significant digits."""
    return float(f"{x:.{DIGITS}g}")


# Decay rates of averages, also of those with a number of their own. With 1 - β = 1, there is no averaging.
_BETA = Scale(3e-4, 1.0, of_complement=True)
_FACTOR = 30.0  # a number inside a formula is tried from a thirtieth to thirty times its value
SHARED: Mapping[str, Scale] = {
    "beta_1": Scale(3e-3, 1.0, of_complement=True),
    "beta_2": _BETA,
    "beta_3": _BETA,
    "epsilon": Scale(1e-10, 0.1),
}
FAMILIES: Mapping[str, Optional[Scale]] = {
    "drop_c": Scale(0.01, 0.9),
    **dict.fromkeys(("m_c", "v_c", "ema_c", "change_c", "n_c"), _BETA),
    "lion_c": Scale(3e-4, 0.9, of_complement=True),  # it divides by β
    # The range is relative to the own value: see `_FACTOR`.
    **dict.fromkeys(("c", "clip_c", FACTOR_OF_W, SHARE)),
}
RANGES = {
    **{name: row.range for table in (OPERANDS, UNARIES, BINARIES) for name, row in table.items()},
    FACTOR_OF_W: ANY_NUMBER,
    SHARE: ANY_NUMBER,
}
SMALLEST, LARGEST = 1e-30, 1e30  # limits of tried values; float32's range is little wider
WARMUP = Scale(0.0, 0.4, is_log=False)
# For updates whose root mean square is 1. The lowest of its five decades means no weight decay.
WEIGHT_DECAY = Scale(1e-4, 10.0, zero_below=1e-3)
BEYOND = 3.0  # factor by which the range of rates exceeds the protocol's on either side


class Tunable(NamedTuple):
    """A hyperparameter that is tuned.

    Attributes:
      name: Its name, unique among the tunables of a rule.
      scale: Its `Scale`, or the texts to choose from.
      own: The rule's own value, or the protocol's; None for a rate that is not known.
    """

    name: str
    scale: Union[Scale, tuple[str, ...]]
    own: Any = None

    def read(self, x: Any) -> Any:
        """The value that the sampler's number or text stands for; the exact own value if both round to the same."""
        if isinstance(self.scale, tuple):
            return x
        is_own = self.own is not None and round_off(x) == round_off(self.scale.write(self.own))
        return self.own if is_own else self.scale.read(x)

    def write(self, value: Any) -> Any:
        """The sampler's number or text for a value: the inverse of `read`."""
        return value if isinstance(self.scale, tuple) else self.scale.write(value)


def find_tunables(rule: Rule, protocol: Protocol) -> tuple[Tunable, ...]:
    """The tunables of a rule: rate, schedule, warm-up and decay; its constants; and the numbers in its formula."""
    rates, schedule = protocol.learning_rates, protocol.schedules[0]
    rate = Scale(min(rates) / BEYOND, max(rates) * BEYOND)
    shared = find_constants(rule)
    return (
        Tunable("rate", rate),
        Tunable("schedule", tuple(DECAYS), schedule.decay),
        Tunable("warm-up", WARMUP.around(schedule.warmup), schedule.warmup),
        Tunable("weight decay", WEIGHT_DECAY, 0.0),
        *(
            Tunable(name, scale, value)
            for name, value in shared.items()
            if _fits(scale := SHARED[name].around(value), constants.RANGES[name])
        ),
        *(
            Tunable(number.name, scale, number.value)
            for number in find_numbers(rule)
            if _fits(scale := _find_scale(number.family, number.value), RANGES[number.family])
        ),
    )


def _find_scale(family, value):
    scale = FAMILIES[family]
    return Scale(value / _FACTOR, value * _FACTOR) if scale is None else scale.around(value)


def _fits(scale, allowed):
    """Whether a whole range can be tried; otherwise, its constant is not tuned."""
    ends = scale.low, scale.high
    return all(SMALLEST <= x <= LARGEST and allowed.has(scale.read(x)) for x in ends)


def find_own_values(tunables: Sequence[Tunable], rate: float) -> dict[str, Any]:
    """The values of a rule as it was given, at this rate."""
    return {**{one.name: one.own for one in tunables}, "rate": rate}


def is_own(tunables: Sequence[Tunable], values: Mapping[str, Any]) -> bool:
    """Whether these values are those of a rule as it was given, at some rate."""
    return dict(values) == find_own_values(tunables, values["rate"])
