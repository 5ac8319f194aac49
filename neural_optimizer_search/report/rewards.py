"""The rewards over the course of a search."""

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.charts import Reference
from neural_optimizer_search.report.columns import AGAIN, ALIKE, NEW, STOPPED, TUNED
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import section
from neural_optimizer_search.report.pictures import WIDE, LegendRow, both_widths, legend
from neural_optimizer_search.report.points import MARKS
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.report.statistics import moving_mean

# With fresh seeds, another one may be the best.
BEST_KNOWN = "the best known optimizer by the search's rewards"
LONGEST_WINDOW, LEAST_WINDOW = 50, 5  # limits on the rules in a moving mean; very long searches exceed the first


def rewards(run: RecordedSearch) -> Element:
    """The section with the paper's Figure 4."""
    points = run.history
    if not len(points):
        return section("Rewards", element("p", "No sampled rule has been measured yet."), id_="rewards")
    known = find_references(run)
    # Long enough that each rule counts in one of the means that are drawn.
    window = max(min(LONGEST_WINDOW, len(points) // 4), len(points) // WIDE.marks)
    window = window if window >= LEAST_WINDOW and _is_seen(points, window, known) else None
    best = points.best_so_far
    label = f"Reward of {count_of(len(points), 'sampled rule')}" + (
        f"; the best has {wording.score(best[-1][1])}." if best else "."
    )
    drawn = both_widths(lambda size: charts.draw_rewards(points, len(run.samples), known, window, size), label)
    low, _ = charts.find_reward_range(points, known)
    below = sum(reward < low for reward in points.rewards)
    caption = element("figcaption", *_caption(run.counts["screened"], len(points), below, points.tuned))
    kinds = {*points.kinds, *([TUNED] if points.tuned else [])}
    rows = _legend(known, window, kinds, below)
    return section("Rewards", element("figure", drawn, rows, caption), id_="rewards")


def _is_seen(points, window, known):
    """Whether most of a line of means is on the axis; isolated parts of it would be uninformative."""
    low, _ = charts.find_reward_range(points, known)
    means = moving_mean(points.numbers, points.rewards, window, WIDE.marks)
    return 2 * sum(mean >= low for _, mean in means) >= len(means)


def find_references(run: RecordedSearch) -> list[Reference]:
    """The known optimizers with a drawable reward, best first, with tuned constants where these are better."""
    known = [(one.name, one.evaluation) for one in run.ranking.known]
    drawn = [Reference(name, e.reward, e.form or e.key, bool(e.form)) for name, e in known if is_plottable(e.reward)]
    return sorted(drawn, key=lambda reference: -reference.reward)


_MEANINGS = {
    NEW: "a new rule",
    ALIKE: "a rule that behaves like an earlier one (≈)",
    AGAIN: "a rule proposed again",
    STOPPED: "a rule that was stopped, at its estimated reward",
    TUNED: "a rule with tuned constants",
}


def _legend(known, window, kinds, below):
    rows = [
        *(LegendRow(MARKS[kind], MARKS[kind], meaning) for kind, meaning in _MEANINGS.items() if kind in kinds),
        LegendRow("below", "below", "below the axis") if below else None,
        LegendRow("line", "mean", f"mean of the last {window:,}{' where it is on the axis' if below else ''}")
        if window
        else None,
        LegendRow("line", "best", "best so far, among rules measured in full"),
        LegendRow("line", "known", f"{known[0].title}, {BEST_KNOWN}") if known else None,
        LegendRow("line", "known other", "other known optimizers") if len(known) > 1 else None,
    ]
    return legend(row for row in rows if row)


def _caption(screened, dots, below, tuned):
    yield "The reward of each sampled rule, as in the paper's Figure 4. "
    if below:
        lie = f"{count_of(below, 'sampled rule')} {'lies' if below == 1 else 'lie'} below"
        yield f"The axis begins just below the known optimizers; {lie} it. "
    if screened:
        have = "has" if screened == 1 else "have"
        yield f"The {count_of(screened, 'rule')} that the screen stopped {have} no mark. "
    if tuned:
        yield "Rules with tuned constants were not sampled; they are drawn where the search learned from them. "
    if dots > WIDE.marks:
        yield f"Of {dots:,} marks, about {WIDE.marks:,} are drawn, including every new best."
