"""Numbers and recorded values, formatted for readers."""

import json
import math
from typing import Any, Optional

from neural_optimizer_search.search.intervals import say_probability

NOTHING = "–"
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def score(value: Optional[float]) -> str:
    """A reward or a score.

    Example:
      >>> from neural_optimizer_search.report.wording import score
      >>> score(0.88721), score(1e30), score(None)
      ('0.8872', '1e+30', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.4g}"


def score_with_deviation(value: Optional[float], deviation: Optional[float]) -> str:
    """A reward ± its standard deviation, if there is one.

    Example:
      >>> from neural_optimizer_search.report.wording import score_with_deviation
      >>> score_with_deviation(0.7, 0.0158), score_with_deviation(0.7, None)
      ('0.7000 ± 0.0158', '0.7000')
    """
    return score(value) if deviation is None else f"{score(value)} ± {score(deviation)}"


def interval(value: Optional[tuple[float, Optional[float]]]) -> str:
    """A mean ± half the width of its interval.

    Example:
      >>> from neural_optimizer_search.report.wording import interval
      >>> interval((0.7, 0.0158)), interval((0.7, None)), interval(None)
      ('0.7000 ± 0.0158', '0.7000', '–')
    """
    return NOTHING if value is None else score_with_deviation(*value)


def probability(value: Optional[float]) -> str:
    """A probability, never rounded to 0 or 1.

    Example:
      >>> from neural_optimizer_search.report.wording import probability
      >>> probability(0.312), probability(0.9999), probability(1e-6), probability(None)
      ('0.31', '> 0.999', '< 0.01', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return say_probability(value)


def rate(value: Optional[float]) -> str:
    """A learning rate or a loss."""
    return NOTHING if value is None else f"{value:.3g}"


def share(part: float, whole: float) -> str:
    """A percentage; `NOTHING` if the whole is 0."""
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def duration(seconds: float) -> str:
    """A time in its two largest units.

    Example:
      >>> from neural_optimizer_search.report.wording import duration
      >>> duration(0.25), duration(167), duration(7260)
      ('0.25 s', '2 min 47 s', '2 h 1 min')
    """
    if not math.isfinite(seconds):
        return NOTHING
    if not 10 <= seconds < 1e10:
        return f"{seconds:.2g} s"
    left, parts = round(seconds), []
    for size, unit in _UNITS:
        if left >= size:
            parts.append(f"{left // size:,} {unit}")
            left %= size
    return " ".join(parts[:2])


def shorten(text: str, length: int = 300) -> str:
    """The text, cut to at most `length` characters.

    Example:
      >>> from neural_optimizer_search.report.wording import shorten
      >>> shorten("out of memory", 7)
      'out of…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def begin_sentence(text: str) -> str:
    """The text with a capital letter."""
    return f"{text[:1].upper()}{text[1:]}"


def setting(value: Any) -> str:
    """A recorded value as text.

    Example:
      >>> from neural_optimizer_search.report.wording import setting
      >>> setting(None), setting(True), setting(["digits", "cifar10"]), setting({"python": "3.11.2", "ray": "2.9"})
      ('default', 'true', 'digits cifar10', 'python 3.11.2, ray 2.9')
    """
    if value is None:
        return "default"
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return shorten(" ".join(value))
    if isinstance(value, dict):
        return shorten(", ".join(f"{name} {part}" for name, part in value.items()))
    return shorten(value if isinstance(value, str) else json.dumps(value))
