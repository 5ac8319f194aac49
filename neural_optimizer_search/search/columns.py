"""Tables of text: columns side by side; a long last column is wrapped."""

import itertools
import textwrap
from collections.abc import Container, Sequence

WIDTH = 118  # characters
LEAST = 40  # minimum width of the last column
GAP = "  "


def format_columns(rows: Sequence[Sequence[str]], left: Container[int] = ()) -> list[str]:
    """Formats each row of a table as one or more lines.

    All columns but the last are as narrow as possible.

    Args:
      rows: The cells of each row; all rows have the same number. Line breaks in the last cell are kept.
      left: The places of left-aligned columns, such as names; the others are right-aligned, but for the last.

    Example:
      >>> from neural_optimizer_search.search.columns import format_columns
      >>> rows = format_columns([["", "rate", "rule"], ["1", "0.1", "g\\nfound as: g * 1"]])
      >>> print(rows[1])
      1   0.1  g
               found as: g * 1
    """
    widths = [max(map(len, column)) for column in list(zip(*rows))[:-1]]
    sides = ["<" if place in left else ">" for place in range(len(widths))]
    indent = " " * (sum(widths) + len(GAP) * len(widths))
    room = max(LEAST, WIDTH - len(indent))
    texts = []
    for *cells, last in rows:
        start = "".join(f"{cell:{side}{width}s}{GAP}" for cell, side, width in zip(cells, sides, widths))
        wrapped = [line for text in last.splitlines() or [""] for line in _wrap(text, room)]
        texts.append("\n".join(f"{before}{line}".rstrip() for before, line in zip(_starts(start, indent), wrapped)))
    return texts


def _starts(first, others):
    return itertools.chain([first], itertools.repeat(others))


def _wrap(text, width):
    """Wraps a text into lines; continuation lines are indented."""
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False) or [""]
