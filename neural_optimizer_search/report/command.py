"""`nos-report`: writes the results of a search as one HTML file that works offline.

examples:
  nos-report runs/first                                   writes runs/first/report.html
  nos-report --compare runs/first runs/second
  nos-report runs/first --json                            prints the leaderboard as JSON
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from neural_optimizer_search import console
from neural_optimizer_search.command_line import path, require
from neural_optimizer_search.flags import build_parser, configure, flag
from neural_optimizer_search.records.run_directory import REPORT
from neural_optimizer_search.report.as_json import write_json
from neural_optimizer_search.report.comparison import comparison_page
from neural_optimizer_search.report.output import NotAReport, is_stdout, write_page
from neural_optimizer_search.report.run import NotARun, read
from neural_optimizer_search.report.search_page import search_page

COMPARISON = "comparison.html"


@dataclass(frozen=True)
class ReportConfig:
    """The flags of `nos-report`."""

    runs: Sequence[Path] = flag(
        (), "directory of a search, which may still be running", parse=path, metavar="RUN", positional=True, nargs="+"
    )
    compare: bool = flag(False, "compare several runs on one page")
    as_json: bool = flag(False, "print the leaderboards as JSON instead of writing a page", option="--json")
    out: Optional[Path] = flag(
        None,
        "file to write",
        parse=path,
        metavar="FILE",
        default_text=f"{REPORT} in RUN, or {COMPARISON} here with --compare",
    )


@console.command("nos-report")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Writes a report from the command line.

    Args:
      argv: The arguments; those of the process if None.

    Returns:
      The exit code.
    """
    p = build_parser("nos-report", __doc__, ReportConfig)
    config = configure(ReportConfig, vars(p.parse_args(argv)))
    require(p, "search", "latex2mathml")
    if config.as_json and config.out:
        p.error("argument --out: not allowed with --json, which prints")
    if len(config.runs) > 1 and not (config.compare or config.as_json):
        p.error(f"argument RUN: one run has one report. For {len(config.runs)} runs on one page: --compare")
    out = _choose_file(config)
    try:
        runs = [read(place) for place in config.runs]
    except NotARun as error:
        p.error(f"argument RUN: {error}")
    if config.as_json:
        print(write_json(runs), end="")
        return 0
    text = comparison_page(runs) if config.compare else search_page(runs[0])
    try:
        write_page(out, text)
    except NotAReport as error:
        p.error(f"argument --out: {error}")
    except OSError as error:
        p.error(f"argument --out: cannot write to {out}: {error.strerror or error}. Name another file.")
    if not is_stdout(out):
        print(out)
    return 0


def _choose_file(config):
    if config.out is not None:
        return config.out
    return Path(COMPARISON) if config.compare else config.runs[0] / REPORT


if __name__ == "__main__":
    sys.exit(main())
