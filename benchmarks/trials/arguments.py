"""Constructor arguments after an optimizer's name, as in `powersign?base=2` or `addsign?alpha=2&beta=0.8`."""

import inspect
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Union

from neural_optimizer_search.user_error import UserError

Value = Union[bool, int, float, str]
Arguments = tuple[tuple[str, Value], ...]

BEGIN, BETWEEN = "?", "&"
# Arguments that cannot be given here: the trial, the setting or another part of the name determines them.
NOT_GIVEN = (
    "rule", "learning_rate", "decay_steps", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema",
    "ema_momentum", "ema_overwrite_frequency", "jit_compile", "name", "kwargs",
)  # fmt: skip
TEXTS = ("decay",)  # arguments whose values are words
# Keras's own optimizers do not check the range of these.
SHARES = ("beta_1", "beta_2", "rho", "momentum")
_WORDS = {"true": True, "false": False}


def list_arguments(make: Callable[..., Any], taken: Sequence[str] = ()) -> dict[str, Any]:
    """The allowed arguments and their defaults.

    Args:
      make: A class, or a function that creates an instance of one.
      taken: Arguments that the optimizer's name already sets.
    """
    parameters = inspect.signature(make).parameters.values()
    return {one.name: one.default for one in parameters if one.name not in (*NOT_GIVEN, *taken)}


def read_arguments(text: str, optimizer: str, allowed: dict[str, Any]) -> Arguments:
    """Parses NAME=VALUE&NAME=VALUE.

    Args:
      text: The part after the "?".
      optimizer: Name of the optimizer, for error messages.
      allowed: The result of `list_arguments`.

    Raises:
      UserError: If an argument is not allowed, is repeated, or has an invalid value.
    """
    found = {}
    for pair in text.split(BETWEEN):
        name, equals, value = pair.partition("=")
        if name not in allowed or not equals or name in found:
            names = ", ".join(f"{one}=VALUE" for one in allowed) or "none"
            raise UserError(
                f"{optimizer}{BEGIN}... must have arguments of {optimizer} after it, each once: {names}. "
                f"Received: {pair!r}"
            )
        found[name] = _read_value(name, value, optimizer, allowed[name])
    return tuple(sorted(found.items()))


def write_arguments(arguments: Arguments) -> str:
    """Formats arguments for `read_arguments`, with the leading "?"; "" if there are none."""
    pairs = (f"{name}={_write_value(value)}" for name, value in arguments)
    return BEGIN + BETWEEN.join(pairs) if arguments else ""


def has_name(contender: str, name: str) -> bool:
    """Whether a contender is this optimizer as it is, without arguments, with any schedule.

    Example:
      >>> from benchmarks.trials.arguments import has_name
      >>> has_name("powersign@cosine", "powersign"), has_name("powersign?base=2@cosine", "powersign")
      (True, False)
    """
    return contender.rpartition("@")[0] == name


def _read_value(name, text, optimizer, default):
    if isinstance(default, bool):
        value, what = _WORDS.get(text), "true or false"
    elif name in TEXTS:
        value, what = text or None, "a word"
    elif name in SHARES:
        value, what = _read_number(text, lambda number: 0 <= number < 1), "a number in [0, 1)"
    else:
        value, what = _read_number(text, math.isfinite), "a finite number"
    if value is None:
        raise UserError(f"{optimizer}{BEGIN}{name}=VALUE must have {what} as VALUE. Received: {text!r}")
    return value


def _read_number(text, is_valid):
    try:
        number = float(text)
    except ValueError:
        return None
    if not is_valid(number):
        return None
    return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else number


def _write_value(value):
    if isinstance(value, bool):
        return str(value).lower()
    # 2 and 2.0 must give the same contender.
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)
