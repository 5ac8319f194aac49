"""The values that a search can write into each field of its records."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import MEASURED, STATUSES, is_number
from neural_optimizer_search.schedule_shape import is_weight_decay, parse_schedule

IsAllowed = Callable[[Any], bool]


def require_allowed(record: Mapping[str, Any], allowed: Mapping[str, IsAllowed], what: Callable[[], str]) -> None:
    """Raises `Damaged` if a field of a record has a value that no search writes."""
    for field, is_allowed in allowed.items():
        if not is_allowed(record[field]):
            raise Damaged(f"{what()}: no search writes the {field} {record[field]!r:.60}.")


def is_text(value: Any) -> bool:
    """Whether it is text."""
    return isinstance(value, str)


def _is_number_or_none(value):
    return value is None or is_number(value)


def _is_rate_or_none(value):
    return value is None or (is_number(value) and value > 0)


def _is_count(value):
    return isinstance(value, int) and 0 <= value < 2**63


def _is_flag(value):
    return value in (0, 1)


def is_schedule(value: Any) -> bool:
    """Whether it is the text of a `Schedule`."""
    with contextlib.suppress(ValueError):
        return str(parse_schedule(value)) == value
    return False


def _are_numbers(values):
    return all(map(is_number, values))


def _are_counts(values):
    return all(map(_is_count, values))


def _is_sweep(pairs):
    return all(is_number(rate) and _is_number_or_none(loss) for rate, loss in pairs)


def _are_curves(curves):
    """Whether there are numbers for each seed, equally many."""
    return len(set(map(len, curves))) <= 1 and all(map(_are_numbers, curves))


# In the order of the columns of an evaluation. Its rule and its parts are checked as they are read.
EVALUATION = {
    "key": is_text,
    "reward": is_number,
    "status": lambda value: value in STATUSES,
    "message": is_text,
    "learning_rate": _is_rate_or_none,
    "accuracy": is_number,
    "seconds": is_number,
    "worker": is_text,
    "flipped": _is_flag,
    "cached": _is_flag,
    "schedule": is_schedule,
    "weight_decay": is_weight_decay,
    "steps": _is_count,
    "sweep_reward": is_number,
    "form": is_text,
    "rewards": _are_numbers,
    "sweep": _is_sweep,
    "seeds": _are_counts,
    "curves": _are_curves,
}
PART = {
    "task": is_text,
    "zero": is_number,
    "one": is_number,
    "rewards": lambda values: isinstance(values, list) and bool(values) and _are_numbers(values),
    **{name: EVALUATION[name] for name in ("accuracy", "learning_rate", "schedule", "weight_decay", "steps")},
    "status": lambda value: value in MEASURED,
}
SAMPLE = {
    "step": _is_count,
    "reward": is_number,
    "key": is_text,
    "staleness": _is_count,
    "alike": _is_flag,
    "tuned": _is_flag,
}
