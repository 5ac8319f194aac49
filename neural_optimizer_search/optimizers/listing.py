"""`nos-optimizers`: prints the catalogue."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search import console
from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.flags import build_parser, configure, flag
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, PublishedRule, normalize_name

_HEADER = ("name", "formula", "slots", "best decay", "source")
_NOTE = """\
w <- w - learning_rate * formula. slots: running averages kept per parameter. best decay: the internal decay with
which PowerSign and AddSign work best, says v2 (section 8.1). v2 is arXiv:1709.07417v2, v1 the ICML 2017 paper.
In Python, with T training steps: optimizers.get("addsign-ld", learning_rate=0.1, decay_steps=T)"""


@dataclass(frozen=True)
class Listing:
    """What `nos-optimizers` is asked for."""

    name: str = flag("", "only names with this text in them", positional=True, nargs="?", metavar="NAME")
    latex: bool = flag(False, "formulas in LaTeX")


@console.command("nos-optimizers")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Prints the rows whose names match; returns the exit code."""
    p = build_parser("nos-optimizers", "Lists the published update rules by name.", Listing)
    asked = configure(Listing, vars(p.parse_args(argv)))
    rows = [row for row in CATALOGUE.values() if normalize_name(asked.name) in row.name]
    if not rows:
        p.error(
            f"argument NAME: no optimizer has {shorten(asked.name)!r} in its name. To see all names: nos-optimizers"
        )
    print(format_table(rows, asked.latex), _NOTE, sep="\n\n")
    return 0


def format_table(rows: Iterable[PublishedRule], latex: bool = False) -> str:
    """The rows as aligned text.

    Example:
      >>> from neural_optimizer_search.optimizers import CATALOGUE
      >>> from neural_optimizer_search.optimizers.listing import format_table
      >>> print(format_table([CATALOGUE["addsign"], CATALOGUE["adam"]]))
      name     formula                      slots  best decay  source
      addsign  (1 + sign(g) * sign(m)) * g  1      ld          v2 sec. 5.1, Table 1
      adam     Adam                         2      -           v2 Table 6; v1 Table 1
    """
    lines = [_HEADER, *(_cells(row, latex) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cells(row, latex):
    formula = row.rule.latex() if latex else row.formula
    return row.name, formula, str(row.slots), row.recommended_decay or "-", row.source


if __name__ == "__main__":
    sys.exit(main())
