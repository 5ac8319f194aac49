"""The choice of the rules that are promoted."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.search.ranking import Contender


class Candidate(NamedTuple):
    """A rule that a search found, with its rank and its reward in the search's leaderboard."""

    rule: Rule
    rank: int
    reward: float


def choose_candidates(found: Sequence[Contender], top: int, known: Iterable[Rule]) -> list[Candidate]:
    """Chooses the `top` best rules that trained to the end, except known optimizers of the promotion.

    Args:
      found: The rules that a search found, in the order of its leaderboard, with different behaviours.
      top: Number of rules.
      known: The rules of the known optimizers.
    """
    screen = Screen()
    names = {name for rule in known for name in _names(rule, screen)}
    chosen = (
        Candidate(one.rule, place, one.last.reward)
        for place, one in enumerate(found, 1)
        if one.evaluation.status == "ok" and not _names(one.rule, screen) & names
    )
    return list(itertools.islice(chosen, top))


def _names(rule, screen):
    """Keys that all spellings of a function share: a search without a screen trains several spellings."""
    return {rule.canonical(), screen(rule).key} - {""}
