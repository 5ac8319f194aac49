"""A search that starts where others ended: what they found is measured first, and learned from."""

from collections.abc import Callable, Sequence
from typing import Optional

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.search.algorithm import Algorithm, Proposal

BATCH = 5  # rules a proposal: the race is against what was learned from before
NAMED = 3  # of the rules that are screened out


class Started(Algorithm):
    """Proposes given rules first, and then what another algorithm does, which learns from both.

    Args:
      algorithm: The `Algorithm`; its proposal 0 comes after the rules.
      rules: `Rule`s, which need not be of its space.
      batch_size: Rules a proposal.
    """

    def __init__(self, algorithm: Algorithm, rules: Sequence[Rule], batch_size: int = BATCH):
        self._algorithm = algorithm
        self._batches = [rules[first : first + batch_size] for first in range(0, len(rules), batch_size)]
        self.share = algorithm.share

    def propose(self, number: int) -> Optional[Proposal]:
        """The `Proposal` of this number."""
        if number < len(self._batches):
            return Proposal(self._batches[number], is_given=True)
        return self._algorithm.propose(number - len(self._batches))

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """The algorithm learns from its own rules, and from the others as from those of somebody else."""
        self._algorithm.learn(proposal, evaluations)
        self.metrics, self.share = self._algorithm.metrics, self._algorithm.share

    def restore(self) -> int:
        return self._algorithm.restore()

    def save(self) -> None:
        self._algorithm.save()


def describe_start(rules: Sequence[Rule], space: Space, screen: Callable[[Rule], Screening]) -> str:
    """How many rules a search starts with, and which of them its screen stops, a line for each."""
    screened = [rule.formula() for rule in rules if screen(rule).rule is None]
    return "\n".join(filter(None, [_describe_foreign(rules, space), _describe_screened(screened)]))


def _describe_foreign(rules, space):
    foreign = sum(space.embed(rule) is None for rule in rules)
    counted = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
    if not foreign:
        return f"Starts with {counted}."
    are = "is" if foreign == 1 else "are"
    return f"Starts with {counted}, of which {foreign} {are} not of the space: measured, and not varied."


def _describe_screened(formulas):
    if not formulas:
        return ""
    more = f" and {len(formulas) - NAMED} more" if len(formulas) > NAMED else ""
    are = "is" if len(formulas) == 1 else "are"
    named = ", ".join(map(shorten, formulas[:NAMED]))
    return f"{len(formulas)} of the start {are} screened out and not measured: {named}{more}."
