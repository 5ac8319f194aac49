"""Ranges of hyperparameters."""

from typing import Any

_HOLDS = {
    "above 0": lambda value: value > 0,
    "at least 0": lambda value: value >= 0,
    "in [0, 1]": lambda value: 0 <= value <= 1,
    "in (0, 1]": lambda value: 0 < value <= 1,
}


def check_fields(settings: Any, allowed: str, *fields: str) -> None:
    """Raises a ValueError unless these fields of a settings object are `allowed`, as in "above 0"."""
    for field in fields:
        value = getattr(settings, field)
        if not _HOLDS[allowed](value):
            raise ValueError(f"Argument `{field}` must be {allowed}. Received: {value}.")
