"""The page about one search."""

from collections.abc import Callable
from typing import Optional

from neural_optimizer_search.report.building_blocks import building_blocks
from neural_optimizer_search.report.cards import baseline_sweeps, cards
from neural_optimizer_search.report.leaderboard import leaderboard
from neural_optimizer_search.report.markup import Element
from neural_optimizer_search.report.outcomes import outcomes
from neural_optimizer_search.report.overview import settings, summary
from neural_optimizer_search.report.page import page
from neural_optimizer_search.report.rewards import rewards
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.report.training_curves import training_curves
from neural_optimizer_search.report.trajectories import trajectories

# A section makes its part of the page for any readable search, or returns None if there is nothing to show.
Section = Callable[[RecordedSearch], Optional[Element]]

# In page order. A new section takes one function and one row here.
SECTIONS: tuple[Section, ...] = (
    summary,
    rewards,
    leaderboard,
    training_curves,
    cards,
    trajectories,
    baseline_sweeps,
    building_blocks,
    outcomes,
    settings,
)


def search_page(run: RecordedSearch) -> str:
    """Returns the HTML of a page about a search.

    Args:
      run: The search.

    Example:
      >>> from neural_optimizer_search.report.run import RecordedSearch
      >>> from neural_optimizer_search.report.search_page import search_page
      >>> nothing = dict(sampled=0, screened=0, repeated=0, cached=0, trained=0, diverged=0)
      >>> "No rule has been measured yet." in search_page(RecordedSearch("runs/a", "a", {}, [], [], [], nothing))
      True
    """
    return page(f"{run.name}: Neural Optimizer Search", *(section(run) for section in SECTIONS))
