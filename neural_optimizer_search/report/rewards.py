"""How the rewards of a search rose."""

from typing import Optional

from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.charts import Reference
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import section
from neural_optimizer_search.report.pictures import WIDE, LegendRow, both_widths, legend
from neural_optimizer_search.report.run import RecordedSearch

LONGEST_WINDOW, LEAST_WINDOW = 50, 5  # rules in a moving mean, but of very many


def rewards(run: RecordedSearch) -> Element:
    """The section with the paper's Figure 4."""
    points = run.history
    if not len(points):
        return section("Rewards", element("p", "No rule that was sampled has been measured yet."), id_="rewards")
    known = best_known(run)
    # So long that each rule counts in one of the means that are drawn.
    window = max(min(LONGEST_WINDOW, len(points) // 4), len(points) // WIDE.marks)
    window = window if window >= LEAST_WINDOW else None
    label = (
        f"Reward of {wording.several(len(points), 'sampled rule')}; the best has "
        f"{wording.score(max(points.rewards))}."
    )
    drawn = both_widths(lambda size: charts.draw_rewards(points, len(run.samples), known, window, size), label)
    caption = element("figcaption", *_caption(run.counts["screened"], len(points)))
    return section("Rewards", element("figure", drawn, _legend(known, window), caption), id_="rewards")


def best_known(run: RecordedSearch) -> Optional[Reference]:
    """The best known optimizer, or None if no known optimizer has a reward that can be drawn."""
    return next((Reference(name, e.reward) for name, e in run.baselines if is_plottable(e.reward)), None)


def _legend(known, window):
    rows = [
        LegendRow("circle", "new", "a rule, the first time"),
        LegendRow("circle", "again", "a rule proposed again"),
        LegendRow("line", "mean", f"mean of the last {window:,}") if window else None,
        LegendRow("line", "best", "best so far"),
        LegendRow("line", "known", f"{known.name}, the best known optimizer") if known else None,
    ]
    return legend(row for row in rows if row)


def _caption(screened, dots):
    yield "The reward of each sampled rule, as in the paper's Figure 4. "
    if screened:
        have = "has" if screened == 1 else "have"
        yield f"The {wording.several(screened, 'rule')} that the screen stopped {have} no dot. "
    if dots > WIDE.marks:
        yield f"Of {dots:,} dots some {WIDE.marks:,} are drawn, and all that were the best."
