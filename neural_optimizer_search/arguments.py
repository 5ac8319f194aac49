"""Checks of arguments: each says what is allowed, and what was received."""

import math
import numbers
from collections.abc import Callable
from typing import Any


def check_number(
    argument: str,
    value: Any,
    allowed: str = "a finite number",
    is_valid: Callable[[Any], bool] = lambda value: True,
) -> float:
    """The value as a float, if it is a finite number and valid; else a ValueError."""
    if not (isinstance(value, numbers.Real) and math.isfinite(value) and is_valid(value)):
        raise ValueError(f"Argument `{argument}` must be {allowed}. Received: {value!r}.")
    return float(value)


def check_step_count(decay_steps: Any, reader: str) -> int:
    """`decay_steps` as an int, if it is one > 0; else a ValueError that names its `reader`."""
    if not (isinstance(decay_steps, numbers.Integral) and int(decay_steps) > 0):
        raise ValueError(
            "Argument `decay_steps` must be the number of training steps, an int > 0, for "
            f"{reader}. Received: {decay_steps!r}."
        )
    return int(decay_steps)


_RANGES: dict[str, Callable[[Any], bool]] = {
    "above 0": lambda value: value > 0,
    "at least 0": lambda value: value >= 0,
    "in [0, 1]": lambda value: 0 <= value <= 1,
    "in (0, 1]": lambda value: 0 < value <= 1,
}


def check_fields(settings: Any, allowed: str, *fields: str) -> None:
    """Raises a ValueError unless these fields of a settings object are `allowed`, as in "above 0"."""
    for field in fields:
        value = getattr(settings, field)
        if not _RANGES[allowed](value):
            raise ValueError(f"Argument `{field}` must be {allowed}. Received: {value}.")
