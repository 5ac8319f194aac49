"""What a search tells when all of it is looked at together."""

import statistics
from collections import Counter
from itertools import accumulate
from typing import NamedTuple

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.report.run import is_plottable

# Rules that are looked at one by one; of more, evenly chosen ones are.
MOST_RULES = 20_000
MOST_SCREENED = 5_000
LEAST_TOP = 10

_SIGNS = {"sign(g)", "sign(m)"}
_SIGN_OF = {"g": "sign(g)", "g^3": "sign(g)", "m": "sign(m)", "sign(g)": "sign(g)", "sign(m)": "sign(m)"}


class Point(NamedTuple):
    """One proposal: its number from 1 on, its rule and reward, and whether an earlier one had been the same rule."""

    number: int
    rule: object
    reward: float
    repeated: bool


class Block(NamedTuple):
    """A sub-expression and the shares, in [0, 1], of rules that have it."""

    expression: object
    top: float
    sampled: float


class Outcome(NamedTuple):
    name: str
    count: int


def spread(rewards):
    """The standard deviation over seeds, or None of fewer than two finite ones."""
    return statistics.stdev(rewards) if len(rewards) > 1 and all(map(is_plottable, rewards)) else None


def history(samples):
    """A `Point` for each sample that passed the screen and has a reward that can be drawn."""
    points, seen = [], set()
    for number, sample in enumerate(samples, 1):
        if sample.key:
            if is_plottable(sample.reward):
                points.append(Point(number, sample.rule, sample.reward, sample.key in seen))
            seen.add(sample.key)
    return points


def improvements(points):
    """(number, best reward so far) wherever it rises, and at the end, of (number, reward) pairs."""
    pairs = [(number, reward) for number, reward in points if is_plottable(reward)]
    best = list(accumulate((reward for _, reward in pairs), max))
    rises = [i for i in range(len(pairs)) if i == 0 or best[i] > best[i - 1]]
    return [(pairs[i][0], best[i]) for i in (*rises, *([len(pairs) - 1] if pairs else []))]


def moving_mean(points, window):
    """(number, mean reward of the last `window` points), from the first full window on."""
    sums = [0.0, *accumulate(point.reward for point in points)]
    return [(points[i - 1].number, (sums[i] - sums[i - window]) / window) for i in range(window, len(points) + 1)]


# -- Building blocks -------------------------------------------------------------------------------


def sub_expressions(rule):
    """The words and sub-expressions that a rule is made of, the sides of + and * in a fixed order."""
    parts, left = set(), [ex.canonical(rule.expression())]
    while left:
        part = left.pop()
        if part not in parts:
            parts.add(part)
            left += ex.children(part)
    # The canonical a - b is a + -b: what is negated is there, and the sign is no part of its own.
    return {part for part in parts if part.name != "neg"}


def building_blocks(top, sampled, count=12):
    """The `Block`s that the top rules have more often than all that was sampled, the largest difference first.

    Args:
      top, sampled: Lists of `Rule`s.
      count: The most to return. Each is in two top rules at least.
    """
    in_top, in_sampled = (
        Counter(part for rule in rules for part in sub_expressions(rule)) for rules in (top, sampled)
    )
    blocks = [
        Block(part, n / len(top), in_sampled[part] / max(len(sampled), 1)) for part, n in in_top.items() if n > 1
    ]
    blocks.sort(key=lambda block: (block.sampled - block.top, -block.top, text(block.expression)))
    return blocks[:count]


def agrees(rule):
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
            {_SIGN_OF.get(factor.name) for factor in _signed(part) if isinstance(factor, ex.Operand)},
        )
    )


def _factors(expression):
    if isinstance(expression, ex.Unary) and expression.name == "neg":
        return _factors(expression.x)
    if isinstance(expression, ex.Binary) and expression.name in ("mul", "div"):
        return _factors(expression.x) + _factors(expression.y)
    return [expression]


def _signed(expression):
    return _factors(expression.x) if isinstance(expression, ex.Unary) and expression.name == "sign" else []


def evenly(values, most):
    """At most so many of a list's values, from all over it."""
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


# -- What became of the proposals ------------------------------------------------------------------


def sampled_outcomes(run):
    """`Outcome`s of all that was sampled; they add up to it, unless a search writes or was resumed just now."""
    counts = run.counts
    screened = [sample.rule for sample in run.samples if not sample.key]
    reasons = _reasons(screened) if len(screened) <= MOST_SCREENED else Counter()
    told = [Outcome(f"screened out: {reason[0].lower()}{reason[1:].rstrip('.')}", n) for reason, n in reasons.items()]
    rest = max(counts["screened"] - sum(reasons.values()), 0)
    return [
        *sorted(told, key=lambda outcome: -outcome.count),
        *([Outcome("screened out", rest)] if rest or not told else []),
        Outcome("repeated", max(counts["repeated"], 0)),
        Outcome("taken from the cache", counts["cached"]),
        Outcome("trained", counts["trained"]),
    ]


def trained_outcomes(run):
    """`Outcome`s of the rules that were trained, by status."""
    statuses = Counter(e.status for e in run.found if not e.cached)
    return [Outcome(status, n) for status, n in {"ok": 0, "diverged": 0, **statuses}.items()]


def messages(run, count=10):
    """((status, message), how often) of the rules that did not train to the end, the most frequent first."""
    return Counter((e.status, e.message) for e in run.found if e.status != "ok" and not e.cached).most_common(count)


def _reasons(rules):
    """Why the screen stopped rules: a ledger does not say it, and looking again costs little."""
    if not rules:
        return Counter()
    screen = Screen()
    return Counter(reason for reason in (screen(rule).reason for rule in rules) if reason)
