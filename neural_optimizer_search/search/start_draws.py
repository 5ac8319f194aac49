"""Which of its start rules a search for settings tries again, with other constants."""

from collections.abc import Sequence
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule


class Draw(NamedTuple):
    """A further trial of a start rule: in round k, of the rule with this rank, where 0 is the best."""

    round: int
    rank: int


class StartDraws:
    """The further trials of start rules, in rounds: in round k, the best n / k of n rules are tried once more.

    A few settings show little of a form, so all rules have one further trial, and the promising ones have several.

    Args:
      rules: The start rules.
      rounds: The number of rounds.

    Attributes:
      draws: All further trials, in order.
    """

    def __init__(self, rules: Sequence[Rule], rounds: int):
        self._best = dict.fromkeys(rules, 0.0)  # the best reward so far
        sizes = {k: -(-len(self._best) // k) for k in range(1, rounds + 1)}
        self.draws = [Draw(k, rank) for k, size in sizes.items() for rank in range(size)]

    def see(self, rule: Rule, reward: float) -> None:
        """Takes note of the reward of a trial; rules that are no start rules do not matter."""
        if rule in self._best:
            self._best[rule] = max(self._best[rule], reward)

    def choose(self, draw: Draw) -> Rule:
        """The rule to try. In round 1, it does not depend on the rewards, so that every rule is tried."""
        rules = list(self._best)
        if draw.round > 1:
            rules.sort(key=lambda rule: -self._best[rule])
        return rules[draw.rank]
