"""Statistics over all rules of a search: the course of the rewards, and the building blocks of good rules."""

from array import array
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.report.axes import is_plottable

MOST_BLOCKS = 12  # in the table of building blocks
_SIGNS = {"sign(g)", "sign(m)"}


class Parts(NamedTuple):
    """The sub-expressions of several rules.

    Attributes:
      counts: Number of rules that contain each part.
      rules: Number of rules.
      agreeing: Positions, from 1, of the rules that contain sign(g) * sign(m), as factors of a product or quotient or
        as the sign of one.
    """

    counts: "Counter[ex.Expression]"
    rules: int
    agreeing: list[int]


class Block(NamedTuple):
    """A sub-expression and its frequency.

    Attributes:
      expression: The sub-expression.
      top: The share of the top rules that have it, in [0, 1].
      sampled: The share of the sampled rules that have it, in [0, 1].
    """

    expression: ex.Expression
    top: float
    sampled: float


def deviation(evaluation: Evaluation) -> Optional[float]:
    """The standard deviation over seeds; None unless there are at least two rewards, all of them finite."""
    return evaluation.deviation if all(map(is_plottable, evaluation.rewards)) else None


def improvements(points: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The best reward so far, wherever it rises and at the end.

    Args:
      points: (number, reward) pairs.

    Returns:
      (number, best reward so far) pairs.
    """
    rises, last = [], None
    for number, reward in points:
        if not is_plottable(reward):
            continue
        last = number
        if not rises or reward > rises[-1][1]:
            rises.append((number, reward))
    return rises if last is None else [*rises, (last, rises[-1][1])]


def moving_mean(numbers: Sequence[int], rewards: Sequence[float], window: int, most: int) -> list[tuple[int, float]]:
    """At most `most` (number, mean of the last `window` rewards) pairs, beginning with the first full window."""
    sums = array("d", accumulate(rewards, initial=0.0))
    ends = thin_out(range(window, len(rewards) + 1), most)
    return [(numbers[i - 1], (sums[i] - sums[i - window]) / window) for i in ends]


def thin_out(values: Sequence, most: int) -> Sequence:
    """At most `most` of the values, spread evenly over the sequence."""
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


# -- Building blocks -------------------------------------------------------------------------------


def sub_expressions(rule: Rule) -> set[ex.Expression]:
    """All sub-expressions of a rule, single words included, with the operands of + and * in a fixed order."""
    parts, left = set(), [ex.canonical(rule.expression())]
    while left:
        part = left.pop()
        if part not in parts:
            parts.add(part)
            left += ex.children(part)
    # The canonical form of a - b is a + -b; the negated part is kept, but the negation is not a part of its own.
    return {part for part in parts if part.name != "neg"}


def count_parts(rules: Iterable[Rule], among: Optional[Container[ex.Expression]] = None) -> Parts:
    """Counts the sub-expressions of rules.

    Args:
      rules: The rules; each is read once.
      among: The parts to count; all by default.
    """
    counts, agreeing, number = Counter(), [], 0
    for number, rule in enumerate(rules, 1):
        parts = sub_expressions(rule)
        counts.update(part for part in parts if among is None or part in among)
        if _agree(parts):
            agreeing.append(number)
    return Parts(counts, number, agreeing)


def find_building_blocks(top: Iterable[Rule], sampled: Iterable[Rule]) -> tuple[list[Block], Parts, Parts]:
    """Finds the parts that are more frequent in the top rules than in all sampled rules.

    Args:
      top: The best rules.
      sampled: All sampled rules, or a subset spread over the search.

    Returns:
      The `Block`s that occur in at least two top rules, at most `MOST_BLOCKS`, those with the largest difference of
      shares first; the parts of the top rules; and, of those that at least two top rules contain, the parts of the
      sampled rules.
    """
    in_top = count_parts(top)
    shared = {part: n for part, n in in_top.counts.items() if n > 1}
    in_sampled = count_parts(sampled, among=shared)
    blocks = [
        Block(part, n / in_top.rules, in_sampled.counts[part] / max(in_sampled.rules, 1))
        for part, n in shared.items()
    ]
    blocks.sort(key=lambda block: (block.sampled - block.top, -block.top, text(block.expression)))
    return blocks[:MOST_BLOCKS], in_top, in_sampled


def _agree(parts):
    return any(
        factors >= _SIGNS
        for part in parts
        for factors in (
            {factor.name for factor in _factors(part) if isinstance(factor, ex.Operand)},
            {ex.simplify(ex.Unary("sign", factor)).name for factor in _factors_under_sign(part)},
        )
    )


def _factors(expression):
    if isinstance(expression, ex.Unary) and expression.name == "neg":
        return _factors(expression.x)
    if isinstance(expression, ex.Binary) and expression.name in ("mul", "div"):
        return _factors(expression.x) + _factors(expression.y)
    return [expression]


def _factors_under_sign(expression):
    return _factors(expression.x) if isinstance(expression, ex.Unary) and expression.name == "sign" else []
