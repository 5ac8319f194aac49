"""The few that are drawn beside each other: the best rules and known optimizers, each with its line."""

from typing import NamedTuple

from neural_optimizer_search.report.leaderboard import best_rules
from neural_optimizer_search.report.pictures import color
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.search.known_optimizers import TITLES
from neural_optimizer_search.search.ranking import Contender

RULES = 3  # more lines than five cannot be told apart
ADAM = TITLES["adam"]


class Leader(NamedTuple):
    """A line of a picture.

    Attributes:
      title: Its name on the page.
      class_: Its class in style.css.
      contender: The `Contender` that it is about.
    """

    title: str
    class_: str
    contender: Contender


def choose_leaders(run: RecordedSearch) -> list[Leader]:
    """The best three rules, the best known optimizer and, if that is another one, Adam."""
    rules = [Leader(f"Rule {rank}", color(rank - 1), one) for rank, one in enumerate(best_rules(run)[:RULES], 1)]
    known = run.ranking.known
    shown = [*known[:1], *(one for one in known[1:] if one.name == ADAM)]
    return rules + [Leader(one.name, class_, one) for one, class_ in zip(shown, ("known", f"{color(RULES)} dashed"))]
