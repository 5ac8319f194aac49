"""The marks of sampled rules in the chart of rewards, which differ in shape and not only in colour."""

from collections.abc import Mapping

from neural_optimizer_search.report import wording
from neural_optimizer_search.report.axes import Scale
from neural_optimizer_search.report.columns import AGAIN, ALIKE, NEW, STOPPED, TUNED, Point
from neural_optimizer_search.report.markup import Element, element

# Kind of a point -> its mark, which is also its class in style.css.
MARKS = {NEW: "new", ALIKE: "alike", AGAIN: "again", STOPPED: "stopped", TUNED: "tuned"}


def draw_point(point: Point, names: Mapping[str, str], x: Scale, y: Scale) -> Element:
    """Draws a sampled rule; a reward below the axis becomes a triangle at the bottom.

    Args:
      point: The rule.
      names: Names of the known optimizers by the keys of their evaluations.
      x: The horizontal scale.
      y: The vertical scale.
    """
    is_below = point.reward < y.low
    draw = SHAPES["below" if is_below else MARKS[point.kind]]
    made = draw(x(point.number), y(point.reward))
    made.insert(0, element("title", _describe(point, names)))
    return made


def _describe(point, names):
    known = names.get(point.key)
    as_what = {
        ALIKE: f", ≈ {known}" if known else ", ≈ an earlier rule",
        AGAIN: f", which is {known}" if known else ", again",
        TUNED: ", tuned",
    }.get(point.kind, "")
    reward = "stopped, estimated reward" if point.kind == STOPPED else "reward"
    number = f"after {point.number}" if point.kind == TUNED else point.number
    return f"{number}: {point.rule.formula()}{as_what}, {reward} {wording.score(point.reward)}"


def _circle(radius, class_):
    return lambda x, y: element("circle", cx=x, cy=y, r=radius, class_=class_)


def _path(steps, class_):
    """A shape whose path begins above its centre."""
    return lambda x, y: element("path", d=f"M{x:.1f} {y - steps[0]:.1f} {steps[1]}", class_=class_)


# Mark -> function that draws it at a position.
SHAPES = {
    "new": _circle(3.5, "new"),
    "again": _circle(1.8, "again"),
    "stopped": _circle(3, "stopped"),
    "alike": _path((4, "l4 4 l-4 4 l-4 -4 z"), "alike"),
    "tuned": _path((4.5, "l4 7.5 l-8 0 z"), "tuned"),
    "below": _path((6, "l3 0 l-3 6 l-3 -6 z"), "below"),
}
