"""Building blocks of charts: an SVG with its text alternative, lines, and a legend."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.report.axes import Scale
from neural_optimizer_search.report.markup import Content, Element, element
from neural_optimizer_search.report.points import SHAPES

COLORS = 6  # in style.css: .c0 to .c5; further lines reuse them with dashes


class Size(NamedTuple):
    """The size of a chart and how much is drawn in it.

    Attributes:
      width: Its width in pixels.
      height: Its height in pixels.
      marks: Maximum number of marks.
      ticks: Approximate numbers of ticks on the horizontal and the vertical axis.
    """

    width: int
    height: int
    marks: int
    ticks: tuple[int, int]


# The text of a wide chart is too small to read on a phone, which gets its own chart.
WIDE = Size(960, 380, 1500, (10, 5))
NARROW = Size(360, 300, 300, (4, 5))


class LegendRow(NamedTuple):
    """A mark of a chart and what it means.

    Attributes:
      mark: "line", or one of `points.SHAPES`.
      class_: Its class in style.css.
      meaning: What it means, in words.
    """

    mark: str
    class_: str
    meaning: str


def picture(width: float, height: float, *children: Content, label: str, class_: Optional[str] = None) -> Element:
    """Makes an `svg` element that fills the available width.

    Args:
      width: Width in its own coordinates.
      height: Height in its own coordinates.
      *children: What is drawn.
      label: Its text alternative, one sentence.
      class_: Its class in style.css.
    """
    return element("svg", *children, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label, class_=class_)


def both_widths(draw: Callable[[Size], Iterable[Content]], label: str) -> list[Element]:
    """Draws a chart twice, for wide and for narrow windows.

    Args:
      draw: Function that makes the marks for a `Size`.
      label: The text alternative of the chart, one sentence.
    """
    return [
        picture(size.width, size.height, *draw(size), label=label, class_=name)
        for name, size in (("wide", WIDE), ("narrow", NARROW))
    ]


def color(k: int) -> str:
    """The class of the k-th line of a chart, from 0."""
    return f"c{k % COLORS}" + (" dashed" if k // COLORS % 2 else "")


def line(
    pairs: Sequence[tuple[float, float]],
    x: Scale,
    y: Scale,
    class_: str,
    steps: bool = False,
    title: Optional[str] = None,
) -> Optional[Element]:
    """Draws a line through points; None if there are none.

    Args:
      pairs: The points.
      x: The horizontal scale.
      y: The vertical scale.
      class_: Its class in style.css.
      steps: Whether the value stays constant until the next point.
      title: Its hover title.
    """
    if not pairs:
        return None
    places = [f"{x(a):.1f} {y(b):.1f}" for a, b in pairs]
    if steps:
        turns = [f"H{x(a):.1f} V{y(b):.1f}" for a, b in pairs[1:]]
        path = " ".join([f"M{places[0]}", *turns])
    else:
        path = "M" + " L".join(places)
    return element("path", element("title", title) if title else None, d=path, class_=f"line {class_}")


def legend(rows: Iterable[LegendRow]) -> Element:
    """The legend of a chart as a list."""
    lines = [
        element(
            "li",
            element("svg", _swatch(mark, class_), viewBox="0 0 24 12", width=24, aria_hidden="true"),
            meaning,
        )
        for mark, class_, meaning in rows
    ]
    return element("ul", lines, class_="legend")


def _swatch(mark, class_):
    if mark == "line":
        return element("line", x1=0, x2=24, y1=6, y2=6, class_=f"line {class_}")
    return SHAPES[mark](12, 6)
