"""Which constants a rule has, and the rule with others."""

import numpy as np
import pytest

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.constants_read import find_constants
from neural_optimizer_search.dsl.expression import Binary, Operand, Unary
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.state import State, advance
from neural_optimizer_search.operations import on_numpy
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.trials.numbers_in_rule import find_numbers, replace_numbers
from neural_optimizer_search.trials.setting import set_constants

pytestmark = pytest.mark.once

MODERN = Rule.from_expression(
    Binary(
        "add",
        Unary("clip_0.02", Operand("m_0.99")),
        Binary("mul", Operand("0.5"), Unary("drop_0.2", Operand("v_0.5"))),
    )
)


def compute(rule, g=(0.3, -0.02, 1e-3), t=4):
    g, w = np.array(g, np.float64), np.array([2.0, -1.0, 0.5])
    kept = {name: 0.7 * g for name in rule.averages}
    state = State(on_numpy, g, w, kept, t, 10, 7, constants=rule.constants)
    with np.errstate(all="ignore"):
        return update(rule, advance(state, kept, rule.averages))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Adam", []),
        ("clip(m, 1e-4) * exp(v)", [("clip", "clip_c", 1e-4)]),
        ("drop(g, 0.3) + drop(m, 0.1)", [("drop 0.3", "drop_c", 0.3), ("drop 0.1", "drop_c", 0.1)]),
        ("clip(m, 0.1) + clip(g, 0.1)", [("clip 0.1", "clip_c", 0.1), ("clip 0.1 (2)", "clip_c", 0.1)]),
        ("Adam + 1e-2*w", [("factor of w", "c*w", 0.01)]),
        ("(2 + sign(g) * sign(m)) * g", [("number", "c", 2.0)]),
        ("cd_1 * rd_10 * g^2 * g", []),
    ],
)
def test_numbers_of_old_words(formula, expected):
    rule = parse_formula(formula)
    assert find_numbers(rule) == expected


def test_numbers_of_families():
    assert [tuple(number) for number in find_numbers(MODERN)] == [
        ("clip", "clip_c", 0.02), ("m", "m_c", 0.99), ("number", "c", 0.5), ("drop", "drop_c", 0.2), ("v", "v_c", 0.5)
    ]  # fmt: skip


def test_other_numbers():
    changed = replace_numbers(MODERN, [0.5, 0.9, 2.5, 0.7, 0.25], {"beta_1": 0.3})
    assert [number.value for number in find_numbers(changed)] == [0.5, 0.9, 2.5, 0.7, 0.25]
    assert changed.constants == Constants(beta_1=0.3)


def test_another_factor_of_w():
    changed = replace_numbers(parse_formula("g + 1e-2*w"), [0.25], {})
    np.testing.assert_allclose(compute(changed), compute(parse_formula("g + w * (1 + 1) / (2 * 2 * 2)")), rtol=1e-6)


@pytest.mark.parametrize("name", CATALOGUE)
def test_with_its_own_numbers_a_rule_is_what_it_was(name):
    rule = CATALOGUE[name].rule
    same = replace_numbers(rule, [number.value for number in find_numbers(rule)], {})
    assert same.canonical() == rule.canonical()


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_constants_that_a_rule_reads_are_those_that_change_it(name):
    rule = CATALOGUE[name].rule
    others = {"beta_1": 0.3, "beta_2": 0.4, "beta_3": 0.6, "epsilon": 0.1}
    changing = {
        constant
        for constant, value in others.items()
        if not np.array_equal(
            compute(rule), compute(Rule(rule.iterations, Constants(**{**vars(rule.constants), constant: value}))),
            equal_nan=True,
        )
    }  # fmt: skip
    assert changing <= set(find_constants(rule))
    # A constant may be read and change nothing of these numbers, by a sign or in a clip.
    assert set(find_constants(rule)) - changing <= {"beta_1", "beta_2", "epsilon"}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("g", ()),
        ("1e-2*w * sign(g)", ()),
        ("m", ("beta_1",)),
        ("v", ("beta_2",)),
        ("gamma", ("beta_3",)),
        ("g / m", ("beta_1", "epsilon")),
        ("m_0.99", ()),
        ("lion_0.99", ("beta_1",)),
        ("belief", ("beta_1", "beta_2")),
        ("n_0.9", ("beta_3",)),
        ("v_max", ("beta_2",)),
        ("normalize(g)", ("epsilon",)),
    ],
)
def test_the_constants_that_words_read(formula, expected):
    assert tuple(find_constants(parse_formula(formula))) == expected


def test_values_by_name():
    rule = parse_formula("drop(g, 0.3) + drop(m, 0.1)")
    changed = set_constants(rule, {"drop 0.1": 0.25, "beta_1": 0.5, "beta_2": 0.5, "rate": 1.0, "schedule": "linear"})
    assert [number.value for number in find_numbers(changed)] == [0.3, 0.25]
    assert changed.constants == Constants(beta_1=0.5)


def test_words_that_read_one_draw_still_do():
    rule = parse_formula("drop(g, 0.3)#1 * m - drop(g, 0.3)#1 * clip(m, 0.02)")
    values = [number.value for number in find_numbers(rule)]
    assert replace_numbers(rule, values, {}).formula() == rule.formula()
    changed = replace_numbers(rule, [0.2, 0.2, 0.04], {}).formula()
    assert changed == "drop(g, 0.2)#1 * m - drop(g, 0.2)#1 * clip(m, 0.04)"
