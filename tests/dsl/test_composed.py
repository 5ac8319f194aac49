"""The space of composed forms: its tables, and what its strings mean."""

import collections
import itertools

import marks
import numpy as np
import pytest

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl.composed import TABLES, ComposedSpace
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.optimizers.catalogue import CATALOGUE

pytestmark = pytest.mark.once

SPACE = ComposedSpace()
IN_IT = [
    "sgd", "momentum", "rmsprop", "adam", "powersign", "addsign", "addsign-adam", "powersign-drop0.3", "sgd-nesterov",
    "nadam", "adamw", "amsgrad", "sign-sgd", "signum", "adabelief", "adan", "lion", "ademamix", "cautious-adam",
    "cautious-lion", "grams", "muon",
]  # fmt: skip


@pytest.mark.parametrize("name", IN_IT)
def test_published_optimizers_are_strings(name):
    rule = CATALOGUE[name].rule
    assert SPACE.decode(SPACE.embed(rule)).canonical() == rule.canonical()


# What won in the study that the space was made of, and how else one may write it.
WINNERS = [
    "nesterov / sqrt(|v|) * sqrt(|w|)",
    "sqrt(|w|) * Adam",
    "Adam + RMSProp",
    "RMSProp + m / sqrt(v)",
    "normalize(nesterov)",
    "sign(g) * |w|",
    "sign(g) * exp(sign(m) * sign(g))",
]


@pytest.mark.parametrize("formula", WINNERS)
def test_what_won_is_in_it(formula):
    rule = parse_formula(formula)
    tokens = SPACE.embed(rule)
    assert tokens and SPACE.encode(SPACE.decode(tokens)) == tokens


@pytest.mark.parametrize(
    "formula", ["tanh(g)", "m, beta_1=0.5", "Adam + m", "sign(g) * sqrt(|m|)", "gamma", "g * gamma", "drop(m, 0.2)"]
)
def test_what_is_not(formula):
    rule = parse_formula(formula)
    assert SPACE.embed(rule) is None
    with pytest.raises(ValueError, match="is none of the composed forms"):
        SPACE.encode(rule)


@pytest.mark.parametrize("tokens", [(), (0,) * 5, (0,) * 7, (0, 0, 0, 0, 0, 4), (-1, 0, 0, 0, 0, 0)])
def test_what_is_no_string(tokens):
    with pytest.raises(ValueError, match="Argument `tokens` must hold 6 ids, below"):
        SPACE.decode(tokens)


def test_every_row_is_named_and_has_its_source():
    for table in TABLES:
        assert len({part.name for part in table}) == len({part.formula for part in table}) == len(table)
        assert all(part.source or part.formula == "x" for part in table)
        assert table is TABLES[0] or table[0].formula == "x"


def test_each_row_alone_and_each_pair_is_found_again():
    """Of any rows next to each other the others as they are: no two strings are spelled as one rule."""
    strings = {
        tuple(a if k == i else b if k == i + 1 else 1 if not k else 0 for k in range(len(TABLES)))
        for i, (these, those) in enumerate(zip(TABLES, TABLES[1:]))
        for a, b in itertools.product(range(len(these)), range(len(those)))
    }
    for string in strings:
        assert SPACE.encode(SPACE.decode(string)) == string


@marks.only_long("It makes all 36,000 rules.")
def test_no_two_strings_are_one_rule():
    strings = itertools.product(*map(range, SPACE.sizes))
    counts = collections.Counter(SPACE.decode(string).canonical() for string in strings)
    assert len(counts) == SPACE.size and max(counts.values()) == 1


def test_most_strings_are_optimizers():
    screen = Screen()
    passed = [screen(SPACE.decode(string)) for string in SPACE.sample(np.random.default_rng(0), 100)]
    assert sum(one.rule is not None for one in passed) >= 90
    assert len({one.key for one in passed if one.rule}) >= 85


def test_a_rule_is_kept_as_any_other():
    for string in SPACE.sample(np.random.default_rng(1), 20):
        rule = SPACE.decode(string)
        again = Rule.from_json(rule.to_json())
        assert again == rule and parse_formula(rule.formula()).canonical() == rule.canonical()
