"""Small pictures in the cells of tables."""

from collections.abc import Sequence

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.pictures import picture


def seeds(rewards: Sequence[float], mean: float, low: float, high: float) -> Element:
    """The reward of each seed as a dot, and their mean as a stroke.

    Args:
      rewards: One per seed.
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


def bar(share: float, class_: str) -> Element:
    """A share in [0, 1] as a bar; the number stands beside it."""
    width = max(0.0, min(share, 1.0)) * 120
    return element(
        "svg",
        element("rect", x=0, y=0, width=120, height=8, rx=2, class_="track"),
        element("rect", x=0, y=0, width=width, height=8, rx=2, class_=class_),
        viewBox="0 0 120 8", class_="bar", aria_hidden="true",
    )  # fmt: skip
