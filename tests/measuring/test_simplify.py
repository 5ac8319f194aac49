"""Formulas become shorter as long as the behaviour stays."""

import numpy as np
import pytest

from neural_optimizer_search import Rule, parse_formula, search_space
from neural_optimizer_search.measuring import simplify as module
from neural_optimizer_search.measuring.behaviour import Likeness, are_alike
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.measuring.simplify import LOOKS, simplify
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.optimizers.found import FOUND
from neural_optimizer_search.optimizers.later_papers import LATER_PAPERS

pytestmark = pytest.mark.once

SCREEN = Screen()


class Alike:
    """Whether rules behave as one does on the screen's probe, and how often that was asked."""

    def __init__(self, rule):
        self.rule, self.looks = rule, 0

    def __call__(self, other):
        self.looks += 1
        return are_alike([SCREEN.probe], Likeness(), self.rule, other)


def shorten(formula, *known):
    rule = parse_formula(formula)
    return simplify(rule, Alike(rule), list(map(parse_formula, known))).formula()


def sample(depth, count):
    space = search_space("arxiv2017_no_decay", depth)
    screenings = [SCREEN(space.decode(tokens)) for tokens in space.sample(np.random.default_rng(depth), 5 * count)]
    return [screening.rule for screening in screenings if screening.rule][:count]


@pytest.mark.parametrize(
    "found, shorter",
    [
        ("Adam - clip(clip(v, 1e-3), 1e-3)", "Adam"),
        ("Adam - clip(drop(g, 0.3) / eps, 1e-3)", "Adam"),
        ("clip(1, 1e-4) * sign(m)", "sign(m)"),
        ("sign(g) / sign(exp(v))", "sign(g)"),
        ("clip(v, 1e-3) * 0.0001 + exp(log(1 + 1e-4*w)) * g", "g"),
        ("clip(v, 1e-5) - (-(g * sqrt(1)))", "g"),
        ("-(-sign(g) * sqrt(|w|))", "sign(g) * sqrt(|w|)"),
        ("-(m - sqrt(|w|) * g)", "sqrt(|w|) * g - m"),
        ("Adam, beta_3=0.5", "Adam"),
        ("Adam + clip(v, 1e-5), beta_1=0.8, epsilon=2e-8", "Adam, beta_1=0.8"),
    ],
)
def test_what_changes_nothing_is_left_out(found, shorter):
    assert shorten(found) == shorter


@pytest.mark.parametrize(
    "formula", ["Adam", "g", "sign(g) * sqrt(|v|)", "(1 + sign(g) * sign(m)) * g", "m, beta_1=0.5"]
)
def test_what_cannot_be_shortened_stays(formula):
    assert shorten(formula) == formula


def test_what_is_subtracted_keeps_its_sign():
    assert shorten("clip(v, 1e-5) - sign(g) * sqrt(v)") == "-(sign(g) * sqrt(|v|))"


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_it_is_alike_never_longer_and_always_the_same(depth):
    for rule in sample(depth, 20):
        alike = Alike(rule)
        shorter = simplify(rule, alike)
        assert alike.looks <= LOOKS
        assert are_alike([SCREEN.probe], Likeness(), rule, shorter)
        assert module._length(shorter) <= module._length(rule)
        assert simplify(rule, Alike(rule)) == shorter


@pytest.mark.parametrize("name", sorted(CATALOGUE.keys() - {name for name, *_ in (*LATER_PAPERS, *FOUND)}))
def test_a_published_rule_stays_alike(name):
    rule = CATALOGUE[name].rule
    assert are_alike([SCREEN.probe], Likeness(), rule, simplify(rule, Alike(rule)))


def test_a_known_optimizer_is_preferred():
    assert shorten("m / sqrt(v)") == "m / sqrt(|v|)"
    assert shorten("m / sqrt(v)", "g", "Adam + 1e-2*w", "Adam") == "Adam"


def test_a_known_optimizer_that_is_longer_is_not_taken():
    assert shorten("Adam", "Adam + 1e-4*w") == "Adam"


def test_a_known_optimizer_stays_itself_beside_a_shorter_one():
    assert shorten("Adam + 1e-4*w", "Adam", "Adam + 1e-4*w") == "Adam + 1e-4*w"


def test_it_asks_at_most_so_often_and_about_none_twice():
    rule, asked = parse_formula(" + ".join(f"sign({i} * g)" for i in range(1, 13))), []

    def is_alike(other):
        asked.append(other.canonical())
        return other == rule

    assert simplify(rule, is_alike).canonical() == rule.canonical()
    assert len(asked) == len(set(asked)) == LOOKS


def test_a_huge_tree_is_left_as_it_is():
    rule = parse_formula(" + ".join(["g"] * 33))
    assert simplify(rule, lambda other: pytest.fail("It was asked.")) is rule


def test_a_rule_that_is_not_even_alike_itself_stays():
    rule = parse_formula("g * (1 * 1) / (0 * 1)")
    assert isinstance(rule, Rule) and simplify(rule, lambda other: False) is rule
