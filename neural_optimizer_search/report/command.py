"""`nos-report`: writes what a search found as one HTML file, which needs no network."""

import sys
from pathlib import Path

from neural_optimizer_search.command_line import Parser
from neural_optimizer_search.report.comparison import comparison_page
from neural_optimizer_search.report.run import LEDGER, NotARun, read
from neural_optimizer_search.report.search_page import search_page

REPORT = "report.html"
COMPARISON = "comparison.html"


def main(argv=None):
    """Writes a report from the command line; returns the exit code."""
    p = _parser()
    given = p.parse_args(argv)
    if len(given.runs) > 1 and not given.compare:
        p.error(f"argument RUN: one run has one report. For {len(given.runs)} runs on one page: --compare")
    out = given.out or (Path(COMPARISON) if given.compare else given.runs[0] / REPORT)
    if out.name.startswith(LEDGER):
        p.error(f"argument --out: {out} is a search's ledger. Name a file that ends in .html")
    try:
        runs = [read(place) for place in given.runs]
    except NotARun as error:
        p.error(f"argument RUN: {error}")
    text = comparison_page(runs) if given.compare else search_page(runs[0])
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error}")
    print(out)
    return 0


def _parser():
    p = Parser("nos-report", description=__doc__, allow_abbrev=False)
    p.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="directory of a search, which may be at work")
    p.add_argument("--compare", action="store_true", help="lay several runs over one another")
    p.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"where to write (default: {REPORT} in RUN, or {COMPARISON} here with --compare)",
    )
    return p


if __name__ == "__main__":
    sys.exit(main())
