"""Matplotlib figures as small SVG images for light and dark pages."""

import io

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOR, GRAY = "#3f6fd8", "#808080"


def make_figure(panels: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Creates a figure with a transparent background and panels side by side.

    Args:
      panels: Number of panels.
      width: Width in inches.
      height: Height in inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    for one in axes:
        one.tick_params(labelsize=6, colors=GRAY, length=2)
        one.set_frame_on(False)
    return figure, axes


def write_svg(figure: Figure) -> str:
    """Returns the figure as SVG text, which is always the same for the same figure."""
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "figures"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
