"""Small charts in table cells."""

from collections.abc import Sequence
from typing import Optional

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.pictures import picture


def seeds(rewards: Sequence[float], mean: float, low: float, high: float) -> Element:
    """Draws the reward of each seed as a dot, and their mean as a stroke.

    Args:
      rewards: The rewards, one per seed.
      mean: Their mean.
      low: The reward at the left end, the same in all rows of a table.
      high: The reward at the right end.
    """
    width, height = 120, 22
    x = axes.Scale(low, high if high > low else low + 1.0, 6, width - 6)
    dots = [
        element("circle", element("title", wording.score(reward)), cx=x(reward), cy=height / 2, r=3, class_="seed")
        for reward in rewards
        if is_plottable(reward)
    ]
    at = x(mean) if is_plottable(mean) else None
    stroke = at and element("line", x1=at, x2=at, y1=3, y2=height - 3, class_="mean")
    axis = element("line", x1=x.start, x2=x.end, y1=height / 2, y2=height / 2, class_="grid")
    label = f"Rewards of the seeds: {', '.join(map(wording.score, rewards)) or 'none'}."
    return picture(width, height, axis, dots, stroke, label=label, class_="seeds")


def whisker(
    mean: float, half: Optional[float], seen: float, reference: Optional[float], low: float, high: float
) -> Element:
    """Draws a mean as a dot with its interval, and the reward that the search saw as a ring.

    Args:
      mean: The mean with fresh seeds.
      half: Half the width of its interval; None for no interval.
      seen: The reward that the search saw.
      reference: Reward of the line that all rows share; None for no line.
      low: The reward at the left end, the same in all rows of a table; a mean below it is drawn as an arrow.
      high: The reward at the right end.
    """
    width, height = 170, 24
    x, y = axes.Scale(low, high if high > low else low + 1.0, 8, width - 8), height / 2
    label = f"{describe_interval((mean, half))}; the search saw {wording.score(seen)}."
    ends = [x(mean - half), x(mean + half)] if half is not None and is_plottable(half) and is_plottable(mean) else []
    marks = [
        element("line", x1=x.start, x2=x.end, y1=y, y2=y, class_="grid"),
        _stroke(x(reference), 0, height, "known") if is_plottable(reference) else None,
        element("circle", cx=x(seen), cy=y, r=4, class_="saw") if is_plottable(seen) and seen >= low else None,
        element("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_="interval") if ends else None,
        [_stroke(end, y - 4, y + 4, "interval") for end in ends],
        _dot_or_arrow(mean, x, y) if is_plottable(mean) else None,
    ]
    return picture(width, height, element("title", label), marks, label=label, class_="whisker")


def describe_interval(interval: Optional[tuple[float, Optional[float]]]) -> str:
    """A mean and its interval, in words."""
    mean, half = interval or (None, None)
    words = f"{wording.score(mean)} with fresh seeds"
    if mean is None or half is None or not is_plottable(half):
        return words
    return f"{words}, 95 % interval {wording.score(mean - half)} to {wording.score(mean + half)}"


def _stroke(at, top, bottom, class_):
    return element("line", x1=at, x2=at, y1=top, y2=bottom, class_=class_)


def _dot_or_arrow(mean, x, y):
    if mean < x.low:
        return element("path", d=f"M{x.start - 7:.1f} {y:.1f} l8 -5 l0 10 z", class_="center")
    return element("circle", cx=x(mean), cy=y, r=3.5, class_="center")


def bar(share: float, class_: str) -> Element:
    """Draws a share in [0, 1] as a bar, hidden from screen readers because the number is next to it."""
    width = max(0.0, min(share, 1.0)) * 120
    return element(
        "svg",
        element("rect", x=0, y=0, width=120, height=8, rx=2, class_="track"),
        element("rect", x=0, y=0, width=width, height=8, rx=2, class_=class_),
        viewBox="0 0 120 8", class_="bar", aria_hidden="true",
    )  # fmt: skip
