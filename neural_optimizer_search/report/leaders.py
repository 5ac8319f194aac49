"""The best rules and known optimizers that charts compare, each with its line."""

from typing import NamedTuple

from neural_optimizer_search.report.leaderboard import best_rules
from neural_optimizer_search.report.pictures import color
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.search.known_optimizers import TITLES
from neural_optimizer_search.search.ranking import Contender

RULES = 3  # with two known optimizers; more than five lines are hard to tell apart
ADAM = TITLES["adam"]


class Leader(NamedTuple):
    """A line of a chart.

    Attributes:
      title: Its name on the page.
      class_: Its class in style.css.
      contender: The `Contender` that it shows.
    """

    title: str
    class_: str
    contender: Contender


def choose_leaders(run: RecordedSearch) -> list[Leader]:
    """The three best rules, the best known optimizer and, if it is not the best, Adam."""
    rules = [Leader(f"Rule {rank}", color(rank - 1), one) for rank, one in enumerate(best_rules(run)[:RULES], 1)]
    known = run.ranking.known
    shown = [*known[:1], *(one for one in known[1:] if one.name == ADAM)]
    return rules + [Leader(one.name, class_, one) for one, class_ in zip(shown, ("known", f"{color(RULES)} dashed"))]
