"""Stock optimizers for a tuner: the kinds and tuned parameters of `stock_optimizers`, and Muon."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks.studies.stock_optimizers.kinds import BETA_1, DECAY, KINDS, SHARED, Choice, Kind, Number, schedule
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.optimizers import get
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.trials.setting import Setting


def _muon(c: Mapping[str, Any]) -> str:
    """Muon for matrices, and Adam for vectors, at a rate of its own that is tuned as well."""
    momentum = f"g + {write_number(float(format(c['beta_1'] / (1 - c['beta_1']), '.5g')))} * ema_{c['beta_1']}"
    return f"on_matrices(orthogonalize({momentum}), {write_number(c['adam_rate'])} * Adam)"


# Keras 2.15 has no Muon.
STOCK: dict[str, Kind] = {
    **KINDS,
    "Muon": Kind(
        _muon,
        lambda rate, c: get(_muon(c), learning_rate=rate),
        dict(rate=Number(1e-3, 0.3), beta_1=BETA_1, adam_rate=Number(0.03, 3.0), **DECAY),
    ),
}


class Suggest(NamedTuple):
    """How a tuner is asked for a value.

    Attributes:
      choose: (name, values) -> one of them.
      draw: (name, low, high) -> a number between them, on a logarithmic scale.
    """

    choose: Callable[[str, tuple[Any, ...]], Any]
    draw: Callable[[str, float, float], float]


def suggest_setting(kind: str, suggest: Suggest) -> Setting:
    """The `Setting` of an optimizer of a kind, with all values chosen by a tuner."""
    tuned = {**STOCK[kind].tuned, **SHARED}
    c = {name: _suggest_value(f"{kind} {name}", one, suggest) for name, one in tuned.items()}
    rule = parse_formula(STOCK[kind].formula(c))
    return Setting(rule, c["rate"], parse_schedule(schedule(c)), c.get("weight_decay", 0.0))


def _suggest_value(name, one, suggest):
    if isinstance(one, Choice):
        return suggest.choose(name, tuple(dict.fromkeys(one.values)))
    if one.off and suggest.choose(f"{name} is", ("off", "on")) == "off":
        return 0.0
    number = float(f"{suggest.draw(name, one.low, one.high):.3g}")
    return round(1.0 - number, 12) if one.complement else number
