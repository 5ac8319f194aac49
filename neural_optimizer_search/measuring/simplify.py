"""Finds the shortest formula of a rule's behaviour: its tree without the parts that change nothing.

A search finds `Adam - clip(clip(v, 1e-3), 1e-3)` more often than `Adam`. The caller decides which rules are alike,
for example by a cosine of their updates; a tree is pruned as long as the rule stays alike to the one it began as.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.rule import Rule

LOOKS = 300  # at most, for one rule; sampled rules of depth 2 and 4 took at most 40 and 110
WORDS = 64  # a larger tree has too many parts to try each


def simplify(rule: Rule, is_alike: Callable[[Rule], bool], known: Iterable[Rule] = ()) -> Rule:
    """Finds a short rule that is alike.

    Functions are replaced by what they are functions of, and by 1; sums, products and the like by one of their sides.
    Two minus
    signs may go together. The shortest of such trees that is alike goes on, until none is. Constants become the
    papers' where that is alike.

    Args:
      rule: The `Rule`.
      is_alike: Whether a `Rule` behaves like `rule`. It is called at most 300 times.
      known: Rules that are preferred to all others, the shortest first, if they are alike and not longer.

    Returns:
      A `Rule` that is alike, with no more words than `rule`; `rule` itself if there is no other.

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
    # A known optimizer keeps its name beside a shorter one that is like it.
    candidates = sorted(known, key=lambda one: (one.canonical() != rule.canonical(), _length(one)))
    found = next((one for one in candidates if _length(one) <= length and ask(one)), None)
    return found or _restore_constants(_shorten(_respell(rule, ask), ask), ask)


def _respell(rule, ask):
    """The rule without what is redundant in its string, if rounding lets that be alike."""
    respelled = Rule.from_expression(ex.simplify(rule.expression()), rule.constants)
    return respelled if ask(respelled) else rule


def _shorten(rule, ask):
    """Goes to the shortest rule that is alike, from there to the next one, until there is none."""
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
    """Asks about each rule once, and says no when there were enough questions."""

    def __init__(self, is_alike):
        self._is_alike = is_alike
        self._answers: dict[str, bool] = {}

    def __call__(self, rule):
        text = rule.canonical()
        if text not in self._answers:
            self._answers[text] = len(self._answers) < LOOKS and self._is_alike(rule)
        return self._answers[text]


def _shorter_rules(rule: Rule) -> Iterator[Rule]:
    """The rules with one part less, the shortest first."""
    tree = ex.simplify(rule.expression())
    unsigned = (both for one in _without_a_sign(tree) for both in _without_a_sign(one))
    trees = dict.fromkeys(map(ex.simplify, (*_shorter_trees(tree), *unsigned)))
    rules = [Rule.from_expression(tree, rule.constants) for tree in trees]
    yield from sorted((one for one in rules if _length(one) < _length(rule)), key=_length)


def _shorter_trees(tree: ex.Expression) -> Iterator[ex.Expression]:
    """The trees in which one node is replaced by one of those below it, or by 1."""
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
    """The trees in which one minus sign is gone: a part that has two of them may need neither."""
    if isinstance(tree, ex.Unary) and tree.name == "neg":
        yield tree.x
    for side, child in zip("xy", ex.children(tree)):
        for unsigned in _without_a_sign(child):
            yield dataclasses.replace(tree, **{side: unsigned})


def _below(tree):
    """The parts of a tree; what is subtracted with its sign."""
    for child in ex.children(tree):
        yield child
        yield from _below(child)
    if isinstance(tree, ex.Binary) and tree.name == "sub":
        yield ex.Unary("neg", tree.y)


def _length(rule):
    """Words first, then letters."""
    return _count_words(rule), len(rule.formula())


def _count_words(rule):
    return _count_nodes(ex.simplify(rule.expression()))


def _count_nodes(tree):
    return 1 + sum(map(_count_nodes, ex.children(tree)))
