"""The style of our pictures: on white, with a line style for each colour, so that prints are also readable."""

import pathlib
from typing import Any

STYLES = ("-", "--", "-.", ":")
DPI = 150


def make_figure(*shape: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure and its axes, as `plt.subplots` gives them; it needs no screen.

    Args:
      *shape: Rows and columns of axes; none for one.
      width: Width in inches.
      height: Height in inches.
    """
    import matplotlib  # processes that never draw import this module too

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(*shape, figsize=(width, height), facecolor="white")


def save_figure(figure: Any, path: pathlib.Path) -> None:
    """Writes a figure to a file and frees it."""
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=DPI)
    close_figure(figure)


def close_figure(figure: Any) -> None:
    """Frees a figure."""
    import matplotlib.pyplot as plt

    plt.close(figure)
