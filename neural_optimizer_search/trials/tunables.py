"""What is tuned, and in which range: a table of scales, and those that a rule has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union

from neural_optimizer_search.dsl.constants_read import find_constants
from neural_optimizer_search.dsl.families import ANY_NUMBER, FROM_0_TO_1, POSITIVE
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.schedule_shape import DECAYS
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.numbers_in_rule import FACTOR_OF_W, SHARE, find_numbers

DIGITS = 3  # significant ones of all that is tried, so that what is printed is what was measured


@dataclass(frozen=True)
class Scale:
    """A range and how it is divided.

    Attributes:
      low, high: Its ends, as the sampler sees them: of x; of 1 - x where `of_complement`.
      is_log: Whether equal factors are equally far apart.
      of_complement: Whether 1 - x is meant, as for decay rates, where 0.9 and 0.99 differ as 0.99 and 0.999.
      zero_below: What lies below means 0, which no logarithmic range has; 0 for a range that has it or needs none.
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
        """The sampler's number for a value: undoes `read`."""
        return max(self.low, round(1.0 - value, 12) if self.of_complement else value)

    def move(self, x: float, part: float) -> float:
        """The sampler's number that is so large a part of the range away, or the end of the range before that."""
        if not self.is_log:
            return min(max(x + part * (self.high - self.low), self.low), self.high)
        return min(max(max(x, self.low) * (self.high / self.low) ** part, self.low), self.high)

    def around(self, value: float) -> "Scale":
        """The range, made wider where the value is outside."""
        if value <= 0.0 and not self.of_complement:
            return self
        x = round(1.0 - value, 12) if self.of_complement else value
        return Scale(min(self.low, x), max(self.high, x), self.is_log, self.of_complement, self.zero_below)


def round_off(x: float) -> float:
    """A number with `DIGITS` significant digits."""
    return float(f"{x:.{DIGITS}g}")


# Decay rates of averages, also of those with a number of their own. 1 - β = 1 is no average at all.
_BETA = Scale(3e-4, 1.0, of_complement=True)
_FACTOR = 30.0  # a number inside a formula is tried from its thirtieth to thirty times as much
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
    # As far from its own value as `_FACTOR` says.
    **dict.fromkeys(("c", "clip_c", FACTOR_OF_W, SHARE)),
}
RANGES = {
    **{name: row.range for table in (OPERANDS, UNARIES, BINARIES) for name, row in table.items()},
    FACTOR_OF_W: ANY_NUMBER,
    SHARE: ANY_NUMBER,
}
SMALLEST, LARGEST = 1e-30, 1e30  # of what is tried; float32 has little more
WARMUP = Scale(0.0, 0.4, is_log=False)
# Of an update whose root mean square is 1; from 1e-4 on so that a third of a decade and more of all trials have none.
WEIGHT_DECAY = Scale(1e-4, 10.0, zero_below=1e-3)
BEYOND = 3.0  # so many times below and above the protocol's rates


class Tunable(NamedTuple):
    """One thing that is tuned.

    Attributes:
      name: Its name, unique among those of a rule.
      scale: Its `Scale`, or the texts to choose from.
      own: The rule's own value, or the protocol's; None for the rate, which has none.
    """

    name: str
    scale: Union[Scale, tuple[str, ...]]
    own: Any = None

    def read(self, x: Any) -> Any:
        """The value that the sampler's number, or text, stands for: the own one where it is nearest to that."""
        if isinstance(self.scale, tuple):
            return x
        value = self.scale.read(x)
        return self.own if self.own is not None and value == self.scale.read(self.scale.write(self.own)) else value

    def write(self, value: Any) -> Any:
        """What the sampler has for a value: undoes `read`."""
        return value if isinstance(self.scale, tuple) else self.scale.write(value)


def find_tunables(rule: Rule, protocol: Protocol) -> tuple[Tunable, ...]:
    """Everything that is tuned: first the measurement, then the constants that the rule reads, then its numbers."""
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
            if _fits(scale := SHARED[name].around(value), POSITIVE if name == "epsilon" else FROM_0_TO_1)
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
    """Whether all of a range can be tried: a constant for which it cannot stays as it is."""
    ends = scale.low, scale.high
    return all(SMALLEST <= x <= LARGEST and allowed.has(scale.read(x)) for x in ends)


def find_own_values(tunables: Sequence[Tunable], rate: float) -> dict[str, Any]:
    """The values with which a rule is as it was given, at this rate, with the protocol's first schedule."""
    return {**{one.name: one.own for one in tunables}, "rate": rate}


def is_own(tunables: Sequence[Tunable], values: Mapping[str, Any]) -> bool:
    """Whether a rule is as it was given with these values, at some rate."""
    return dict(values) == find_own_values(tunables, values["rate"])
