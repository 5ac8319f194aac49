"""What is tuned, in which range, to how many digits."""

import numpy as np
import pytest
from fake_objective import PROTOCOL

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl.constants import NAMES, Constants
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.trials.numbers_in_rule import FACTOR_OF_W, SHARE
from neural_optimizer_search.trials.setting import set_constants
from neural_optimizer_search.trials.tunables import FAMILIES, SHARED, Scale, find_tunables

pytestmark = pytest.mark.once

ALWAYS = ["rate", "schedule", "warm-up", "weight decay"]


def names(rule):
    return [one.name for one in find_tunables(rule, PROTOCOL)]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("g", []),
        ("sign(g) * m", ["beta_1"]),
        ("RMSProp", ["beta_2", "epsilon"]),
        ("gamma", ["beta_3"]),
        ("drop(Adam, 0.1)", ["beta_1", "beta_2", "epsilon", "drop"]),
        ("g / 2", ["epsilon", "number"]),
    ],
)
def test_what_a_rule_reads_is_tuned(formula, expected):
    assert names(parse_formula(formula)) == ALWAYS + expected


@pytest.mark.parametrize(
    "formula",
    [
        "sign(lion_1e-5)", "drop(g, 0.99999)", "m_0.9999999999999", "clip(g, 1e308)", "1e308 * g", "clip(g, 5e-324)",
        "0 * g + g", "sign(m), beta_1=0.9999999999999999",
    ],
)  # fmt: skip
def test_a_number_at_the_end_of_what_there_is_stays_as_it_is(formula):
    assert not {"lion", "drop", "m", "clip", "number"} & set(names(parse_formula(formula)))
    assert "beta_1" not in names(parse_formula(formula)) or "lion" in formula


def test_each_constant_and_each_family_has_a_range():
    """A new one gets a row in `tunables.py`."""
    families = {name for table in (OPERANDS, UNARIES, BINARIES) for name in table if is_family(name)}
    assert set(FAMILIES) == {*families, FACTOR_OF_W, SHARE}
    assert set(SHARED) == set(NAMES)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_ends_of_each_range_are_rules(name):
    rule = CATALOGUE[name].rule
    scales = [one for one in find_tunables(rule, PROTOCOL) if isinstance(one.scale, Scale)]
    for end in ("low", "high"):
        values = {one.name: one.scale.read(getattr(one.scale, end)) for one in scales}
        assert all(np.isfinite(value) and value >= 0.0 for value in values.values())
        assert isinstance(set_constants(rule, values), Rule)
    for one in scales:
        if one.own is not None:
            assert one.scale.low <= one.scale.write(one.own) <= one.scale.high
            assert one.scale.read(one.scale.write(one.own)) == pytest.approx(one.own, rel=1e-2)


@pytest.mark.parametrize(
    ("scale", "x", "value"),
    [
        (Scale(1e-6, 1.0), 0.0123456, 0.0123),
        (Scale(1e-6, 1.0), 9.9996e-4, 1e-3),
        (Scale(1e-4, 1.0, of_complement=True), 0.001234, 0.99877),
        (Scale(1e-4, 1.0, of_complement=True), 1.0, 0.0),
        (Scale(1e-4, 10.0, zero_below=1e-3), 9e-4, 0.0),
        (Scale(1e-4, 10.0, zero_below=1e-3), 1.1e-3, 0.0011),
        (Scale(0.0, 0.4, is_log=False), 0.0, 0.0),
    ],
)
def test_values_are_rounded(scale, x, value):
    assert scale.read(x) == value


def test_a_range_reaches_the_own_value():
    tunables = find_tunables(Rule(parse_formula("m").iterations, Constants(beta_1=0.99999)), PROTOCOL)
    (beta,) = [one.scale for one in tunables if one.name == "beta_1"]
    assert beta.low == pytest.approx(1e-5) and beta.high == 1.0


def test_rates_reach_beyond_the_protocol():
    (rate,) = [one.scale for one in find_tunables(parse_formula("g"), PROTOCOL) if one.name == "rate"]
    assert rate.low == pytest.approx(1e-2 / 3) and rate.high == pytest.approx(3.0)
