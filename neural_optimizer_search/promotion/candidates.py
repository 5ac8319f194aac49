"""Which rules of a search are promoted."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS


class Candidate(NamedTuple):
    """A rule that a search found, its place in the search's leaderboard, and the reward there."""

    rule: Rule
    rank: int
    reward: float


def choose_candidates(
    evaluations: Sequence[Evaluation], top: int, known: Iterable[Rule] = KNOWN_OPTIMIZERS.values()
) -> list[Candidate]:
    """The best `top` rules that are different functions, of those that trained to the end; no known optimizer.

    Args:
      evaluations: What a search found.
      top: Number of rules.
      known: The rules of the known optimizers.
    """
    screen = Screen()
    seen = {name for rule in known for name in _names(rule, screen)}
    chosen = []
    for place, evaluation in enumerate(rank(evaluations), 1):
        names = _names(evaluation.rule, screen)
        if evaluation.status == "ok" and not names & seen and len(chosen) < top:
            chosen.append(Candidate(evaluation.rule, place, evaluation.reward))
            seen |= names
    return chosen


def _names(rule, screen):
    """By which another spelling of the function is recognized; a search without a screen trains several of one."""
    return {rule.canonical(), screen(rule).key} - {""}
