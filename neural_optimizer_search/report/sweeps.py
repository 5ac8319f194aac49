"""A small chart of a rule's sensitivity to the learning rate."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP, Scale, is_plottable
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.pictures import line, picture

WIDTH, HEIGHT = 340, 210
TICKS = (5, 4)

# (learning rate, loss or None if it diverged) pairs, as in `Evaluation.sweep`.
Sweep = Sequence[tuple[float, Optional[float]]]


class SweepAxes(NamedTuple):
    """The axes that several sweeps share, so that they can be compared.

    Attributes:
      y: The `Scale` of the losses; those above it are drawn at its edge.
      span: Number of decades on the learning-rate axis, whose start differs between sweeps.
    """

    y: Scale
    span: float


def share_axes(sweeps: Iterable[Sweep]) -> SweepAxes:
    """Finds axes for several sweeps, which cover the lowest four fifths of the losses."""
    sweeps = list(sweeps)
    losses = sorted(loss for sweep in sweeps for _, loss in sweep if is_plottable(loss))
    within = losses[: (4 * len(losses)) // 5 + 1]  # a rate that is too large can give any loss
    span = max((axes.count_decades(_rates(sweep)) for sweep in sweeps), default=1.0)
    return SweepAxes(axes.linear_scale(within, HEIGHT - BOTTOM, TOP), span)


def sweep_chart(sweep: Sweep, chosen: Optional[float], shared: SweepAxes, label: str) -> Element:
    """Draws the loss after a short training at each learning rate.

    Args:
      sweep: The learning rates that were tried, with their losses.
      chosen: The learning rate of the final run, or None.
      shared: The axes that it shares with other charts.
      label: The name of the rule or optimizer.
    """
    x, y = axes.logarithmic_scale(_rates(sweep), LEFT, WIDTH - RIGHT, shared.span), shared.y
    points = sorted(((rate, loss) for rate, loss in sweep if _is_on_log_axis(rate)), key=lambda point: point[0])
    finite = [(rate, min(loss, y.high)) for rate, loss in points if is_plottable(loss)]
    says = ", ".join(f"{wording.rate(rate)}: {_loss(loss)}" for rate, loss in points) or "Nothing was tried"
    return picture(
        WIDTH,
        HEIGHT,
        axes.frame(x, y, "learning rate", "validation loss", TICKS),
        line(finite, x, y, "c0"),
        [_mark(rate, loss, rate == chosen, x, y) for rate, loss in points],
        label=f"Validation loss of {label} after a short training at each learning rate. {says}.",
    )


def _rates(sweep):
    return [rate for rate, _ in sweep if _is_on_log_axis(rate)]


def _is_on_log_axis(rate):
    return is_plottable(rate) and rate > 1e-100


def _loss(loss):
    if loss is None:
        return "diverged"
    return "not a number" if math.isnan(loss) else wording.rate(loss)


def _mark(rate, loss, is_chosen, x, y):
    title = element("title", f"learning rate {wording.rate(rate)}: {_loss(loss)}{', chosen' if is_chosen else ''}")
    at = x(rate)
    if not is_plottable(loss):
        return element("path", title, d=f"M{at - 4:.1f} {y.end - 4:.1f} l8 8 m0 -8 l-8 8", class_="diverged")
    if loss > y.high:
        return element("path", title, d=f"M{at - 5:.1f} {y.end + 6:.1f} l5 -9 l5 9 z", class_="beyond")
    radius, class_ = (5, "chosen") if is_chosen else (3, "tried")
    return element("circle", title, cx=at, cy=y(loss), r=radius, class_=class_)
