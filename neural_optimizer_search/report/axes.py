"""Scales, ticks and frames of charts: from values to places in an SVG."""

import math
from dataclasses import dataclass

from neural_optimizer_search.report.markup import element

# Room for the ticks' labels and the axes' titles.
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 42
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` (logarithms, if `log`) to pixels from `start` to `end`; others to the edge.

    Attributes:
      whole: Whether ticks are at whole numbers; of a logarithm, at powers of ten.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def __call__(self, value):
        if self.log:
            value = math.log10(value)
        share = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def ticks(self, count):
        """About so many (value, label)s; round ones."""
        step = _round_step((self.high - self.low) / count)
        if self.whole:
            step = max(1, round(step))
        first = math.ceil(self.low / step - 1e-9)
        values = [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]
        if self.log:
            return [(10.0**exponent, "10" + str(exponent).translate(_SUPERSCRIPT)) for exponent in values]
        return [(value, _label(value)) for value in values]


def linear(values, start, end, floor=None):
    """A linear `Scale` that has room for all values, and begins at `floor` if they are not below it."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if floor is not None and low >= floor:
        low = floor
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # equal, or not to be told apart on an axis
        high = low + max(abs(low), 1.0)
    step = _round_step((high - low) / 5)
    return Scale(low if low == floor else math.floor(low / step) * step, math.ceil(high / step) * step, start, end)


def counting(last, start, end):
    """A `Scale` of the numbers 1 to `last`, from 0 on."""
    return Scale(0.0, float(max(last, 1)), start, end, whole=True)


def decades(values):
    """How many powers of ten lie between values above 0; at least one."""
    return max(math.log10(max(values)) - math.log10(min(values)), 1.0) if values else 1.0


def logarithmic(values, start, end, span):
    """A `Scale` of `span` powers of ten and a margin, in whose middle the values are, which are above 0."""
    middle = (math.log10(max(values)) + math.log10(min(values))) / 2 if values else 0.0
    return Scale(middle - 0.54 * span, middle + 0.54 * span, start, end, log=True, whole=True)


def frame(x, y, x_title, y_title, ticks=(6, 5)):
    """Grid lines, ticks and titles around two scales, as a group."""
    lines = [
        element("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid")
        for value, _ in y.ticks(ticks[1])
    ]
    labels = [
        *(element("text", label, x=x(v), y=y.start + 17, class_="tick middle") for v, label in x.ticks(ticks[0])),
        *(element("text", label, x=x.start - 7, y=y(v) + 4, class_="tick end") for v, label in y.ticks(ticks[1])),
    ]
    marks = [
        element("line", x1=x(value), x2=x(value), y1=y.start, y2=y.start + 4, class_="axis")
        for value, _ in x.ticks(ticks[0])
    ]
    axis = element("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis")
    titles = [
        element("text", y_title, x=2, y=12, class_="title"),
        element("text", x_title, x=x.end, y=y.start + 36, class_="title end"),
    ]
    return element("g", lines, marks, axis, labels, titles, aria_hidden="true")


def _round_step(size):
    power = 10.0 ** math.floor(math.log10(size))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= size * (1 - 1e-9))


def _label(value):
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{round(value, 10):,.10g}" if abs(value) >= 1e-9 else "0"
