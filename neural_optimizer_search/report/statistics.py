"""What the rules of a search tell when all are looked at together: how rewards rose, what good rules are made of."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.report.axes import is_plottable

_SIGNS = {"sign(g)", "sign(m)"}
_SIGN_OF = {"g": "sign(g)", "g^3": "sign(g)", "m": "sign(m)", "sign(g)": "sign(g)", "sign(m)": "sign(m)"}


class Point(NamedTuple):
    """One sampled rule that was measured.

    Attributes:
      number: Its place among the samples, from 1 on.
      rule: The `Rule` as it was sampled.
      reward: Its reward.
      repeated: Whether the same function was sampled before.
    """

    number: int
    rule: Rule
    reward: float
    repeated: bool


class Block(NamedTuple):
    """A sub-expression, and how frequent it is.

    Attributes:
      expression: The sub-expression.
      top: The share of the top rules that have it, in [0, 1].
      sampled: The share of the sampled rules that have it, in [0, 1].
    """

    expression: ex.Expression
    top: float
    sampled: float


def deviation(rewards: Sequence[float]) -> Optional[float]:
    """The standard deviation over seeds; None unless there are at least two rewards, all of them finite."""
    return statistics.stdev(rewards) if len(rewards) > 1 and all(map(is_plottable, rewards)) else None


def history(samples: Iterable[Sample]) -> list[Point]:
    """A `Point` for each sample that passed the screen and has a reward that can be drawn."""
    points, seen = [], set()
    for number, sample in enumerate(samples, 1):
        if not sample.screened:
            if is_plottable(sample.reward):
                points.append(Point(number, sample.rule, sample.reward, sample.key in seen))
            seen.add(sample.key)
    return points


def improvements(points: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The best reward so far, wherever it rises and at the end.

    Args:
      points: (number, reward) pairs.

    Returns:
      (number, best reward so far) pairs.
    """
    pairs = [(number, reward) for number, reward in points if is_plottable(reward)]
    best = list(accumulate((reward for _, reward in pairs), max))
    rises = [i for i in range(len(pairs)) if i == 0 or best[i] > best[i - 1]]
    return [(pairs[i][0], best[i]) for i in (*rises, *([len(pairs) - 1] if pairs else []))]


def moving_mean(points: Sequence[Point], window: int) -> list[tuple[int, float]]:
    """(number, mean reward of the last `window` points), from the first full window on."""
    sums = [0.0, *accumulate(point.reward for point in points)]
    return [(points[i - 1].number, (sums[i] - sums[i - window]) / window) for i in range(window, len(points) + 1)]


def thin_out(values: Sequence, most: int) -> Sequence:
    """At most `most` of the values, from all over the sequence."""
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


# -- Building blocks -------------------------------------------------------------------------------


def sub_expressions(rule: Rule) -> set[ex.Expression]:
    """The words and sub-expressions that a rule is made of, the sides of + and * in a fixed order."""
    parts, left = set(), [ex.canonical(rule.expression())]
    while left:
        part = left.pop()
        if part not in parts:
            parts.add(part)
            left += ex.children(part)
    # The canonical a - b is a + -b: what is negated is there, and the sign is no part of its own.
    return {part for part in parts if part.name != "neg"}


def find_building_blocks(top: Sequence[Rule], sampled: Sequence[Rule], count: int = 12) -> list[Block]:
    """What the top rules are made of, rather than all that was sampled.

    Args:
      top: The best rules.
      sampled: All sampled rules, or some from all over the search.
      count: The most to return.

    Returns:
      The `Block`s that are in at least two top rules, those with the largest difference of shares first.
    """
    in_top, in_sampled = (
        Counter(part for rule in rules for part in sub_expressions(rule)) for rules in (top, sampled)
    )
    blocks = [
        Block(part, n / len(top), in_sampled[part] / max(len(sampled), 1)) for part, n in in_top.items() if n > 1
    ]
    blocks.sort(key=lambda block: (block.sampled - block.top, -block.top, text(block.expression)))
    return blocks[:count]


def agrees(rule: Rule) -> bool:
    """Whether a rule has sign(g) * sign(m): as factors of one product or quotient, or as the sign of one.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.report.statistics import agrees
      >>> [agrees(parse_formula(text)) for text in ("ld * sign(g) * -sign(m)", "sign(g * m)", "sign(g) + sign(m)")]
      [True, True, False]
    """
    return any(
        factors >= _SIGNS
        for part in sub_expressions(rule)
        for factors in (
            {factor.name for factor in _factors(part) if isinstance(factor, ex.Operand)},
            {_SIGN_OF.get(factor.name) for factor in _factors_under_sign(part) if isinstance(factor, ex.Operand)},
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
