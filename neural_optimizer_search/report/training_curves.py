"""Training curves with fresh seeds: the best rules and known optimizers."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP
from neural_optimizer_search.report.leaders import Leader, choose_leaders
from neural_optimizer_search.report.markup import Content, Element, element
from neural_optimizer_search.report.page import section
from neural_optimizer_search.report.pictures import LegendRow, Size, both_widths, legend, line
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.search.intervals import Interval, find_interval


class Curve(NamedTuple):
    """The validation curve of one rule.

    Attributes:
      leader: The rule and its line.
      steps: Number of gradient steps before each validation.
      intervals: Mean over the seeds at each validation, with its interval.
    """

    leader: Leader
    steps: Sequence[float]
    intervals: Sequence[Interval]


def training_curves(run: RecordedSearch) -> Optional[Element]:
    """The section with the curves; None if none were recorded with fresh seeds."""
    curves = [curve for leader in choose_leaders(run) if (curve := find_curve(leader, run.final_steps))]
    if not curves:
        return None
    title = run.score_words.title
    ends = ", ".join(f"{curve.leader.title} {wording.interval(curve.intervals[-1])}" for curve in curves)
    drawn = both_widths(
        lambda size: _draw(curves, f"validation {title}", size),
        f"Validation {title} during training. At the end: {ends}.",
    )
    rows = legend(LegendRow("line", curve.leader.class_, curve.leader.title) for curve in curves)
    caption = (
        f"Validation {title} during the trainings with fresh seeds: the mean, with a band for its 95 % interval. A "
        "training that diverged counts as 0 from then on."
    )
    return section("Training curves", element("figure", drawn, rows, element("figcaption", caption)), id_="training")


def find_curve(leader: Leader, final_steps: int) -> Optional[Curve]:
    """The curve of a rule; None if it was not recorded.

    Args:
      leader: The rule.
      final_steps: Gradient steps of a full training.
    """
    fresh = leader.contender.fresh
    if fresh is None or not any(fresh.curves):
        return None
    intervals = [find_interval(scores) for scores in zip(*fresh.curves)]
    steps = [final_steps * k / len(intervals) for k in range(1, len(intervals) + 1)]
    return Curve(leader, steps, intervals)


def _draw(curves: Sequence[Curve], title: str, size: Size) -> Iterator[Content]:
    bounds = [bound for curve in curves for interval in curve.intervals for bound in _find_bounds(interval)]
    x = axes.counting_scale(round(curves[0].steps[-1]), LEFT, size.width - RIGHT)
    y = axes.linear_scale(bounds, size.height - BOTTOM, TOP)
    yield axes.frame(x, y, "gradient steps", title, size.ticks)
    for leader, steps, intervals in curves:
        low, high = zip(*map(_find_bounds, intervals))
        around = [*zip(steps, high), *list(zip(steps, low))[::-1]]
        places = " L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in around)
        yield element("path", d=f"M{places}z", class_=f"band {leader.class_}")
    for leader, steps, intervals in curves:
        means = [interval.mean for interval in intervals]
        yield line(list(zip(steps, means)), x, y, leader.class_, title=leader.title)


def _find_bounds(interval):
    half = interval.half or 0.0
    return interval.mean - half, interval.mean + half
