"""The pictures of a search as inline SVG. A picture says in words what it shows, and its marks have hover titles."""

import math
from typing import NamedTuple

from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP
from neural_optimizer_search.report.markup import element
from neural_optimizer_search.report.run import is_plottable
from neural_optimizer_search.report.statistics import evenly, improvements, moving_mean

COLORS = 6  # in style.css: .c0 to .c5; then they begin again, with dashes


class Size(NamedTuple):
    """Of a picture in pixels, how many marks it may have, and about how many ticks its axes."""

    width: int
    height: int
    marks: int
    ticks: tuple


# Text in a wide picture that is made narrow is too small to read: a phone gets its own.
WIDE = Size(960, 380, 1500, (10, 5))
NARROW = Size(360, 300, 300, (4, 5))
SMALL = Size(340, 210, 100, (5, 4))


def picture(width, height, *children, label, class_=""):
    """An `svg` element that fills the width there is, with the sentence that stands for it."""
    return element(
        "svg", *children, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label, class_=class_ or None
    )


def both_widths(draw, label):
    """The picture that `draw(size)` draws the marks of, for wide and for narrow windows."""
    return [
        picture(size.width, size.height, *draw(size), label=label, class_=name)
        for name, size in (("wide", WIDE), ("narrow", NARROW))
    ]


def _scales(size, x, y):
    return x(LEFT, size.width - RIGHT), y(size.height - BOTTOM, TOP)


# -- Rewards over a search -------------------------------------------------------------------------


def rewards(points, sampled, known, window, size):
    """Reward of each sampled rule, their moving mean and the best so far: Figure 4 of the paper.

    Args:
      points: The `Point`s.
      sampled: How many rules were sampled, with those that have no point.
      known: (name, reward) of the best known optimizer, or None.
      window: Points in the moving mean; None for none.
      size: A `Size`.
    """
    values = [point.reward for point in points] + ([known[1]] if known else [])
    x, y = _scales(
        size, lambda *ends: axes.counting(sampled, *ends), lambda *ends: axes.linear(values, *ends, floor=0.0)
    )
    best = improvements((point.number, point.reward) for point in points)
    rises = {number for number, _ in best}
    shown = sorted({*evenly(points, size.marks), *(p for p in points if p.number in rises)}, key=lambda p: p.number)
    yield axes.frame(x, y, "rules sampled", "reward", size.ticks)
    yield [
        element(
            "circle",
            element("title", f"{point.number}: {point.rule.formula()}, reward {wording.score(point.reward)}"),
            cx=x(point.number), cy=y(point.reward), r=2 if point.repeated else 3,
            class_="again" if point.repeated else "new",
        )
        for point in shown
    ]  # fmt: skip
    if known:
        yield element(
            "line",
            element("title", f"{known[0]}: {wording.score(known[1])}"),
            x1=x.start, x2=x.end, y1=y(known[1]), y2=y(known[1]), class_="known",
        )  # fmt: skip
    if window:
        yield _line(evenly(moving_mean(points, window), size.marks), x, y, "mean")
    yield _line(best, x, y, "best", steps=True)


def best_of_runs(curves, known, size):
    """Best reward so far against trained rules, a line for each run.

    Args:
      curves: (label, list of (trained rules, reward)) of each.
      known: (name, reward) of the best known optimizer, or None.
      size: A `Size`.
    """
    bests = [(label, improvements(pairs)) for label, pairs in curves]
    values = [reward for _, best in bests for _, reward in best] + ([known[1]] if known else [])
    last = max((best[-1][0] for _, best in bests if best), default=1)
    x, y = _scales(size, lambda *ends: axes.counting(last, *ends), lambda *ends: axes.linear(values, *ends))
    yield axes.frame(x, y, "rules trained", "best reward so far", size.ticks)
    if known:
        title = element("title", f"{known[0]}: {wording.score(known[1])}")
        yield element("line", title, x1=x.start, x2=x.end, y1=y(known[1]), y2=y(known[1]), class_="known")
    for k, (label, best) in enumerate(bests):
        yield _line(best, x, y, color(k), steps=True, title=label)


def color(k):
    """The class of the k-th of several lines."""
    return f"c{k % COLORS}" + (" dashed" if k // COLORS % 2 else "")


def _line(pairs, x, y, class_, steps=False, title=None):
    if not pairs:
        return None
    places = [f"{x(a):.1f} {y(b):.1f}" for a, b in pairs]
    if steps:
        turns = [f"H{x(a):.1f} V{y(b):.1f}" for a, b in pairs[1:]]
        path = " ".join([f"M{places[0]}", *turns])
    else:
        path = "M" + " L".join(places)
    return element("path", element("title", title) if title else None, d=path, class_=f"line {class_}")


# -- Learning rates --------------------------------------------------------------------------------


class SweepAxes(NamedTuple):
    """What several sweeps share, so that they can be compared.

    Attributes:
      y: The `Scale` of the losses; those above it are drawn at its edge.
      span: Powers of ten on the axis of the learning rates, whose middle is each sweep's own.
    """

    y: axes.Scale
    span: float


def sweep_axes(sweeps, size=SMALL):
    """The `SweepAxes` of lists of (learning rate, loss or None). Four in five losses are on them, the lowest."""
    losses = sorted(loss for sweep in sweeps for _, loss in sweep if is_plottable(loss))
    within = losses[: (4 * len(losses)) // 5 + 1]  # a rate that is too large can give any loss
    span = max((axes.decades(_rates(sweep)) for sweep in sweeps), default=1.0)
    return SweepAxes(axes.linear(within, size.height - BOTTOM, TOP), span)


def sweep(points, chosen, shared, label, size=SMALL):
    """The loss after a short training at each learning rate.

    Args:
      points: (learning rate, loss or None if it diverged), as in `Evaluation.sweep`.
      chosen: The learning rate of the final run, or None.
      shared: The `SweepAxes` of all that it stands beside.
      label: Whose it is.
    """
    x, y = axes.logarithmic(_rates(points), LEFT, size.width - RIGHT, shared.span), shared.y
    points = sorted(((rate, loss) for rate, loss in points if _on_log_axis(rate)), key=lambda point: point[0])
    line = [(rate, min(loss, y.high)) for rate, loss in points if is_plottable(loss)]
    says = ", ".join(f"{wording.rate(rate)}: {_loss(loss)}" for rate, loss in points) or "Nothing was tried"
    return picture(
        size.width,
        size.height,
        axes.frame(x, y, "learning rate", "validation loss", size.ticks),
        _line(line, x, y, "c0"),
        [_sweep_mark(rate, loss, rate == chosen, x, y) for rate, loss in points],
        label=f"Validation loss of {label} after a short training at each learning rate. {says}.",
    )


def _rates(points):
    return [rate for rate, _ in points if _on_log_axis(rate)]


def _on_log_axis(rate):
    return is_plottable(rate) and rate > 1e-100


def _loss(loss):
    return "diverged" if loss is None else "not a number" if math.isnan(loss) else wording.rate(loss)


def _sweep_mark(rate, loss, chosen, x, y):
    title = element("title", f"learning rate {wording.rate(rate)}: {_loss(loss)}{', chosen' if chosen else ''}")
    at = x(rate)
    if not is_plottable(loss):
        return element("path", title, d=f"M{at - 4:.1f} {y.end - 4:.1f} l8 8 m0 -8 l-8 8", class_="diverged")
    if loss > y.high:
        return element("path", title, d=f"M{at - 5:.1f} {y.end + 6:.1f} l5 -9 l5 9 z", class_="beyond")
    return element("circle", title, cx=at, cy=y(loss), r=5 if chosen else 3, class_="chosen" if chosen else "tried")


# -- Marks in tables -------------------------------------------------------------------------------


def seeds(rewards, mean, low, high):
    """The reward of each seed as a dot, and their mean as a stroke, on a line from `low` to `high`."""
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


def bar(share, class_):
    """A share in [0, 1] as a bar; the number stands beside it."""
    width = max(0.0, min(share, 1.0)) * 120
    return element(
        "svg",
        element("rect", x=0, y=0, width=120, height=8, rx=2, class_="track"),
        element("rect", x=0, y=0, width=width, height=8, rx=2, class_=class_),
        viewBox="0 0 120 8", class_="bar", aria_hidden="true",
    )  # fmt: skip
