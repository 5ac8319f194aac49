"""Checks arguments: each error says what is allowed, and what was received."""

import inspect
import numbers
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def check_number(
    argument: str,
    value: Any,
    allowed: str = "a finite number",
    is_valid: Callable[[Any], bool] = lambda value: True,
) -> float:
    """Returns the value as a float; raises a ValueError unless it is finite and valid."""
    number: Any = _of_python(value)
    # Compared, because Python has integers of any length, and the largest do not fit a float.
    if not (_is(numbers.Real, number) and abs(number) <= sys.float_info.max and is_valid(number)):
        raise ValueError(f"Argument `{argument}` must be {allowed}. Received: {value!r}.")
    return float(number)


def check_int(argument: str, value: Any, allowed: str, is_valid: Callable[[Any], bool]) -> int:
    """Returns the value as an int; raises a ValueError unless it is a valid one."""
    number: Any = _of_python(value)
    if not (_is(numbers.Integral, number) and is_valid(number)):
        raise ValueError(f"Argument `{argument}` must be {allowed}. Received: {value!r}.")
    return int(number)


def _is(kind, number):
    """Whether a value is a number of a kind; Booleans are numbers in Python, but mistakes here."""
    return isinstance(number, kind) and not isinstance(number, bool)


def check_step_count(decay_steps: Any, reader: str) -> int:
    """Returns `decay_steps` as an int; raises a ValueError that names its `reader` unless it is an int > 0."""
    allowed = f"the number of training steps, an int > 0, for {reader}"
    return check_int("decay_steps", decay_steps, allowed, lambda steps: steps > 0)


def check_config(cls: type, config: Mapping[str, Any]) -> None:
    """Raises a ValueError unless a config has all required arguments of a class."""
    parameters = inspect.signature(cls).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    missing = [name for name in needed if name not in config]
    if missing:
        names = " and ".join(f"`{name}`" for name in missing)
        raise ValueError(
            f"{cls.__name__} cannot be made without {names}: in place of its name, pass an instance, "
            f"{cls.__name__}({', '.join(f'{name}=...' for name in needed)}), or a config with {names}. "
            f"Received the config: {dict(config)!r}."
        )


def _of_python(value):
    """Converts a NumPy number, which may be an array without dimensions, to a Python number."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0 else value


_RANGES: dict[str, Callable[[Any], bool]] = {
    "above 0": lambda value: value > 0,
    "at least 0": lambda value: value >= 0,
    "in [0, 1]": lambda value: 0 <= value <= 1,
    "in [0, 1)": lambda value: 0 <= value < 1,
}


def check_fields(settings: Any, allowed: str, *fields: str) -> None:
    """Raises a ValueError unless these fields of a settings object are numbers that are `allowed`, as in "above 0".

    A field whose default is an int must be a whole number, and the others must be finite.
    """
    parameters = inspect.signature(type(settings)).parameters
    for field in fields:
        is_whole = isinstance(parameters[field].default, int)
        check, kind = (check_int, "a whole number") if is_whole else (check_number, "a finite number")
        check(field, getattr(settings, field), f"{kind} {allowed}", _RANGES[allowed])
