"""The style of our plots: a white background, and line styles so that they stay readable in black and white."""

import pathlib
from typing import Any

STYLES = ("-", "--", "-.", ":")
DPI = 150


def make_figure(*shape: int, width: float, height: float) -> tuple[Any, Any]:
    """Creates a figure and its axes like `plt.subplots`, without a display.

    Args:
      *shape: Numbers of rows and columns of axes; omit them for a single one.
      width: Width in inches.
      height: Height in inches.
    """
    import matplotlib  # imported here, because processes that never draw import this module too

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(*shape, figsize=(width, height), facecolor="white")


def save_figure(figure: Any, path: pathlib.Path) -> None:
    """Writes a figure to a file and frees it."""
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
    close_figure(figure)


def close_figure(figure: Any) -> None:
    """Frees a figure."""
    import matplotlib.pyplot as plt

    plt.close(figure)
