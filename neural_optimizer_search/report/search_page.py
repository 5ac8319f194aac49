"""One search on one page."""

from neural_optimizer_search.report import outcomes, overview, rules
from neural_optimizer_search.report.page import page

TOP = 10


def search_page(run, count=TOP):
    """The text of a page about a `RecordedSearch`, with its `count` best rules.

    Example:
      >>> from neural_optimizer_search.report.run import RecordedSearch
      >>> from neural_optimizer_search.report.search_page import search_page
      >>> nothing = dict(sampled=0, screened=0, repeated=0, cached=0, trained=0, diverged=0)
      >>> "No rule has been measured yet." in search_page(RecordedSearch("runs/a", "a", {}, [], [], [], nothing))
      True
    """
    return page(
        f"{run.name}: Neural Optimizer Search",
        overview.summary(run),
        overview.rewards(run),
        rules.leaderboard(run, count),
        rules.cards(run, count),
        rules.baseline_sweeps(run, count),
        outcomes.blocks(run),
        outcomes.outcomes(run),
        overview.settings(run),
    )
