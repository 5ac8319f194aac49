"""Numbers as a reader wants them."""

import math

NOTHING = "–"
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def score(value):
    """A reward or an accuracy.

    Example:
      >>> from neural_optimizer_search.report.wording import score
      >>> score(0.88721), score(1e30), score(None)
      ('0.8872', '1e+30', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.4g}"


def with_spread(value, spread):
    """A reward ± its deviation, if there is one."""
    return score(value) + (f" ± {score(spread)}" if spread is not None else "")


def rate(value):
    """A learning rate or a loss."""
    return NOTHING if value is None else f"{value:.3g}"


def share(part, whole):
    """A percentage; of nothing there is none."""
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def duration(seconds):
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


def shortened(text, length=300):
    """A text that does not fill the page."""
    return text if len(text) <= length else text[: length - 1] + "…"


def several(count, noun):
    """A count with its noun.

    Example:
      >>> from neural_optimizer_search.report.wording import several
      >>> several(1, "rule"), several(1200, "rule")
      ('1 rule', '1,200 rules')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
