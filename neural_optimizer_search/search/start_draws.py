"""Which of its start rules a search for settings tries again, with other constants."""

import collections
from collections.abc import Sequence

from neural_optimizer_search.dsl.rule import Rule


class StartDraws:
    """The further trials of start rules, in rounds: each trial of round k is of one of the best n / k of n rules.

    A few settings show little of a form, so all rules have one further trial, and the promising ones have several.

    Args:
      rules: The start rules.
      rounds: The number of rounds.

    Attributes:
      draws: The number of the round, from 1, for each further trial. Round k has as many as it has rules.
    """

    def __init__(self, rules: Sequence[Rule], rounds: int):
        # How far the best trial came, and its reward there.
        self._best: dict[Rule, tuple[int, float]] = dict.fromkeys(rules, (0, 0.0))
        self._trials: collections.Counter[Rule] = collections.Counter()
        self.draws = [k for k in range(1, rounds + 1) for _ in range(self._count(k))]

    def see(self, rule: Rule, looks: int, reward: float) -> None:
        """Takes note of a trial; of rules that are no start rules, none.

        Args:
          rule: The rule.
          looks: How far its training came; a reward after more of it counts more than any after less.
          reward: The reward there.
        """
        if rule in self._best:
            self._trials[rule] += 1
            self._best[rule] = max(self._best[rule], (looks, reward))

    def choose(self, rounds: Sequence[int]) -> list[Rule]:
        """The rules of the next trials: each is the one with the fewest trials among the best of its round."""
        ranked = sorted(self._best, key=lambda rule: self._best[rule], reverse=True)
        trials, chosen = self._trials.copy(), []
        for k in rounds:
            chosen.append(min(ranked[: self._count(k)], key=lambda rule: trials[rule]))
            trials[chosen[-1]] += 1
        return chosen

    def _count(self, k):
        return -(-len(self._best) // k)
