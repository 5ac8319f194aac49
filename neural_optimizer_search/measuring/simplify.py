"""Finds a short formula for a rule's behaviour by removing the parts of its tree that change nothing.

A search finds `Adam - clip(clip(v, 1e-3), 1e-3)` more often than `Adam`. The caller decides which rules are alike,
for example by a cosine of their updates; a tree is pruned as long as the rule stays like the original.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.rule import Rule

LOOKS = 300  # maximum comparisons for one rule; sampled rules of depth 2 and 4 took at most 40 and 110
WORDS = 64  # maximum size; a larger tree has too many parts to try each


def simplify(rule: Rule, is_alike: Callable[[Rule], bool], known: Iterable[Rule] = ()) -> Rule:
    """Finds a short rule that behaves like a given one.

    Functions are replaced by their argument or by 1; sums, products and the like by one of their sides. Two minus
    signs may be removed together. The shortest such tree that is alike is shortened again, until none is alike.
    Constants return to the papers' values where the rule stays alike.

    Args:
      rule: The `Rule`.
      is_alike: Whether a `Rule` behaves like `rule`. It is called at most 300 times.
      known: Rules that are preferred to all others, the shortest first, if they are alike and not longer.

    Returns:
      A `Rule` that behaves like `rule`, with no more words; `rule` itself if there is no other.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.measuring.screen import Screen
      >>> from neural_optimizer_search.measuring.simplify import simplify
      >>> rule, screen = parse_formula("2 * sign(sign(g) + sign(g)), beta_1=0.8"), Screen()
      >>> simplify(rule, lambda other: screen(other).key == screen(rule).key).formula()
      'sign(g)'
    """
    if _count_words(rule) > WORDS:
        return rule
    ask, length = _Asking(is_alike), _length(rule)
    # A known optimizer keeps its name even if a shorter one is like it.
    candidates = sorted(known, key=lambda one: (one.canonical() != rule.canonical(), _length(one)))
    found = next((one for one in candidates if _length(one) <= length and ask(one)), None)
    return found or _restore_constants(_shorten(_respell(rule, ask), ask), ask)


def _respell(rule, ask):
    """The rule without the redundant parts of its string, unless rounding then makes it differ."""
    respelled = Rule.from_expression(ex.simplify(rule.expression()), rule.constants)
    return respelled if ask(respelled) else rule


def _shorten(rule, ask):
    """Replaces the rule by the shortest one that is alike until there is none."""
    while shorter := next(filter(ask, _shorter_rules(rule)), None):
        rule = shorter
    return rule


def _restore_constants(rule, ask):
    for name in rule.constants.changes():
        constants = dataclasses.replace(rule.constants, **{name: getattr(PAPER, name)})
        restored = Rule(rule.iterations, constants)
        rule = restored if ask(restored) else rule
    return rule


class _Asking:
    """Caches the answers of `is_alike`, and answers no after `LOOKS` different rules."""

    def __init__(self, is_alike):
        self._is_alike = is_alike
        self._answers: dict[str, bool] = {}

    def __call__(self, rule):
        text = rule.canonical()
        if text not in self._answers:
            self._answers[text] = len(self._answers) < LOOKS and self._is_alike(rule)
        return self._answers[text]


def _shorter_rules(rule: Rule) -> Iterator[Rule]:
    """The rules with one part removed, shortest first."""
    tree = ex.simplify(rule.expression())
    unsigned = (both for one in _without_a_sign(tree) for both in _without_a_sign(one))
    trees = dict.fromkeys(map(ex.simplify, (*_shorter_trees(tree), *unsigned)))
    rules = [Rule.from_expression(tree, rule.constants) for tree in trees]
    yield from sorted((one for one in rules if _length(one) < _length(rule)), key=_length)


def _shorter_trees(tree: ex.Expression) -> Iterator[ex.Expression]:
    """The trees in which one node is replaced by one of its descendants, or by 1."""
    if isinstance(tree, ex.Operand):
        return
    yield from _below(tree)
    yield ex.ONE
    if tree.name == "neg" and isinstance(tree.x, ex.Binary) and tree.x.name == "sub":
        yield ex.Binary("sub", tree.x.y, tree.x.x)
    for side, child in zip("xy", ex.children(tree)):
        for shorter in _shorter_trees(child):
            yield dataclasses.replace(tree, **{side: shorter})


def _without_a_sign(tree: ex.Expression) -> Iterator[ex.Expression]:
    """The trees with one minus sign removed: a part with two signs may need neither."""
    if isinstance(tree, ex.Unary) and tree.name == "neg":
        yield tree.x
    for side, child in zip("xy", ex.children(tree)):
        for unsigned in _without_a_sign(child):
            yield dataclasses.replace(tree, **{side: unsigned})


def _below(tree):
    """The descendants of a tree, and subtracted ones also with their sign."""
    for child in ex.children(tree):
        yield child
        yield from _below(child)
    if isinstance(tree, ex.Binary) and tree.name == "sub":
        yield ex.Unary("neg", tree.y)


def _length(rule):
    """The sort key of a rule: its number of words, then of characters."""
    return _count_words(rule), len(rule.formula())


def _count_words(rule):
    return _count_nodes(ex.simplify(rule.expression()))


def _count_nodes(tree):
    return 1 + sum(map(_count_nodes, ex.children(tree)))
