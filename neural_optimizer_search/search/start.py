"""Starts a search where others ended: the rules that they found are measured first, and learned from."""

from collections.abc import Callable, Sequence
from typing import Optional

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.search.algorithm import Algorithm, Proposal

BATCH = 5  # rules per proposal: a rule races only against rules that were learned from before
NAMED = 3  # maximum number of screened-out rules to name


class Started(Algorithm):
    """Proposes given rules first, and then those of another algorithm, which learns from both.

    Args:
      algorithm: The `Algorithm`; its proposal 0 comes after the rules.
      rules: `Rule`s, which need not be of its space.
    """

    def __init__(self, algorithm: Algorithm, rules: Sequence[Rule]):
        self._algorithm = algorithm
        self._batches = [rules[first : first + BATCH] for first in range(0, len(rules), BATCH)]
        self.share = algorithm.share

    def propose(self, number: int) -> Optional[Proposal]:
        """The `Proposal` with this number."""
        if number < len(self._batches):
            return Proposal(self._batches[number], is_given=True)
        return self._algorithm.propose(number - len(self._batches))

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Lets the algorithm learn from its own rules, and from the others as from rules that it did not propose."""
        self._algorithm.learn(proposal, evaluations)
        self.metrics, self.share = self._algorithm.metrics, self._algorithm.share

    def restore(self) -> int:
        return self._algorithm.restore()

    def save(self) -> None:
        self._algorithm.save()


def count_batches(rules: Sequence[Rule]) -> int:
    """The number of proposals that `Started` makes before the first of its algorithm."""
    return -(-len(rules) // BATCH)


def describe_start(starts: Sequence[Start], space: Space, screen: Callable[[Rule], Screening], tunes: bool) -> str:
    """Describes in lines what a search starts from, which of these rules its screen stops, and why.

    Args:
      starts: The `Start`s.
      space: The `Space` that is searched.
      screen: The screen, which decides which rules are trained.
      tunes: Whether the search tunes constants.
    """
    rules = [one.rule for one in starts]
    reasons = {rule.formula(): screening.reason for rule in rules if (screening := screen(rule)).rule is None}
    tuned = sum(one.tuned is not None for one in starts)
    lines = [_describe_foreign(rules, space), _describe_tuned(tuned, tunes), _describe_screened(reasons)]
    return "\n".join(filter(None, lines))


def _describe_foreign(rules, space):
    foreign = sum(space.embed_form(rule) is None for rule in rules)
    if not foreign:
        return f"Starts from {count_of(len(rules), 'rule')}."
    forms = "its form is" if foreign == 1 else "their forms are"
    return (
        f"Starts from {count_of(len(rules), 'rule')}, {foreign} of them outside the space {space.title}: "
        f"measured, but {forms} not varied."
    )


def _describe_tuned(tuned, tunes):
    if not tuned:
        return ""
    rules = count_of(tuned, "rule")
    be, come, it = ("is", "comes", "it was") if tuned == 1 else ("are", "come", "they were")
    if not tunes:
        return f"{rules} {come} with a tuned rate and schedule, which are not used because --constants is 0."
    return f"{rules} {be} also measured with the rate, schedule and weight decay to which {it} tuned."


def _describe_screened(reasons):
    if not reasons:
        return ""
    lines = [f"  {shorten(formula)}: {reason}" for formula, reason in list(reasons.items())[:NAMED]]
    more = [f"  and {len(reasons) - NAMED} more"] if len(reasons) > NAMED else []
    return "\n".join([f"{count_of(len(reasons), 'rule')} screened out, not measured:", *lines, *more])
