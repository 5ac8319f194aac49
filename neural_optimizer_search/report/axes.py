"""Scales, ticks and frames of charts, which map values to SVG coordinates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from neural_optimizer_search.report.markup import Element, element

if TYPE_CHECKING:  # Python 3.9 has it elsewhere
    from typing_extensions import TypeGuard

# Margins around the plot, for tick labels and axis titles.
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 42
DIGIT = 7  # width of a digit in a tick label, in the font of style.css
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels on an axis; values outside it are clipped to the nearer end.

    Attributes:
      low: The value at `start`, or its base-10 logarithm if `log`.
      high: The value at `end`, or its base-10 logarithm if `log`.
      start: The pixel where the axis begins.
      end: The pixel where the axis ends.
      log: Whether the axis is logarithmic.
      whole: Whether ticks are at whole numbers; on a logarithmic axis, at powers of ten.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        if self.log:
            value = math.log10(value)
        share = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def ticks(self, count: int) -> list[tuple[float, str]]:
        """About `count` round values on the axis, each with its label."""
        step = _round_step((self.high - self.low) / count)
        if self.whole:
            step = max(1, round(step))
        first = math.ceil(self.low / step - 1e-9)
        values = [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]
        if self.log:
            return [(10.0**exponent, "10" + str(exponent).translate(_SUPERSCRIPT)) for exponent in values]
        return [(value, _label(value)) for value in values]


def is_plottable(value: Optional[float]) -> "TypeGuard[float]":
    """Whether a number is finite and below 1e100, so that arithmetic on an axis stays finite."""
    return value is not None and math.isfinite(value) and abs(value) < 1e100


def linear_scale(values: Sequence[float], start: float, end: float, floor: Optional[float] = None) -> Scale:
    """A linear `Scale` that covers all values.

    Args:
      values: The values; may be empty.
      start: The pixel where the axis begins.
      end: The pixel where the axis ends.
      floor: The start of the axis, unless a value is below it.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if floor is not None and low >= floor:
        low = floor
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # equal, or indistinguishable on an axis
        high = low + max(abs(low), 1.0)
    step = _round_step((high - low) / 5)
    return Scale(low if low == floor else math.floor(low / step) * step, math.ceil(high / step) * step, start, end)


def counting_scale(last: int, start: float, end: float) -> Scale:
    """A `Scale` from 0 to `last` with ticks at whole numbers."""
    return Scale(0.0, float(max(last, 1)), start, end, whole=True)


def count_decades(values: Sequence[float]) -> float:
    """The number of decades between the smallest and the largest of positive values; at least one."""
    return max(math.log10(max(values)) - math.log10(min(values)), 1.0) if values else 1.0


def logarithmic_scale(values: Sequence[float], start: float, end: float, span: float) -> Scale:
    """A logarithmic `Scale` of `span` decades plus a margin, centred on positive values."""
    middle = (math.log10(max(values)) + math.log10(min(values))) / 2 if values else 0.0
    return Scale(middle - 0.54 * span, middle + 0.54 * span, start, end, log=True, whole=True)


def frame(x: Scale, y: Scale, x_title: str, y_title: str, ticks: tuple[int, int] = (6, 5)) -> Element:
    """Draws grid lines, ticks and titles.

    Args:
      x: The horizontal scale.
      y: The vertical scale.
      x_title: What the horizontal axis shows.
      y_title: What the vertical axis shows.
      ticks: Approximate numbers of ticks on the horizontal and the vertical axis.

    Returns:
      A `g` element.
    """
    x_ticks, y_ticks = x.ticks(ticks[0]), y.ticks(ticks[1])
    lines = [element("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid") for value, _ in y_ticks]
    marks = [
        element("line", x1=x(value), x2=x(value), y1=y.start, y2=y.start + 4, class_="axis") for value, _ in x_ticks
    ]
    axis = element("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis")
    labels = [
        *(_label_below(label, x(value), x.end + RIGHT, y.start + 17) for value, label in x_ticks),
        *(element("text", label, x=x.start - 7, y=y(value) + 4, class_="tick end") for value, label in y_ticks),
    ]
    titles = [
        element("text", y_title, x=2, y=12, class_="title"),
        element("text", x_title, x=x.end, y=y.start + 36, class_="title end"),
    ]
    return element("g", lines, marks, axis, labels, titles, aria_hidden="true")


def _label_below(label, at, edge, y):
    """A label centred under its tick; one that would be cut off ends at the chart's edge instead."""
    fits = at + DIGIT * len(label) / 2 <= edge
    return element("text", label, x=at if fits else edge, y=y, class_=f"tick {'middle' if fits else 'end'}")


def _round_step(size):
    power = 10.0 ** math.floor(math.log10(size))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= size * (1 - 1e-9))


def _label(value):
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{round(value, 10):,.10g}" if abs(value) >= 1e-9 else "0"
