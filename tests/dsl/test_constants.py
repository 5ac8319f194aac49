"""A rule's constants of its own in all that a rule is written as."""

import copy
import json
import pickle

import pytest

from neural_optimizer_search import Rule, parse_formula, search_space
from neural_optimizer_search.dsl.constants import PAPER, RANGES, Constants
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.screen import flip
from neural_optimizer_search.promotion import saved
from neural_optimizer_search.promotion.candidates import Candidate
from neural_optimizer_search.promotion.config import PromotionConfig
from neural_optimizer_search.records.rows import read_rule, write_rule
from neural_optimizer_search.report.cards import _write_tokens
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.mathml import math

FORMULA = "Adam * sqrt(|w|), beta_1=0.8, beta_2=0.9, epsilon=1e-6"
OWN, PAPERS = parse_formula(FORMULA), parse_formula("Adam * sqrt(|w|)")
ITERATIONS = [["Adam", "w", "identity", "sqrt", "mul"]]


def test_what_is_written():
    assert OWN.formula() == str(OWN) == FORMULA
    assert OWN.latex() == PAPERS.latex() + r", \; \beta_{1} = 0.8, \; \beta_{2} = 0.9, \; \delta = 10^{-6}"
    assert OWN.canonical() != PAPERS.canonical() == "Adam * sqrt(|w|)"
    page = math(OWN)
    assert "".join(page.itertext()).replace("\u2009", "") == "Adam·|w|,β1=0.8,β2=0.9,δ=10−6"
    assert page.get("alttext") == FORMULA and "msqrt" in html(page)


def test_rules_with_other_constants_are_other_rules():
    assert OWN != PAPERS and len({OWN, PAPERS, parse_formula(FORMULA)}) == 2
    assert Rule(OWN.iterations, PAPER) == PAPERS


def test_nothing_loses_them():
    assert pickle.loads(pickle.dumps(OWN)) == copy.deepcopy(OWN) == flip(flip(OWN)) == OWN
    assert flip(OWN).constants == OWN.constants
    assert Rule.from_json(OWN.to_json()) == read_rule(write_rule(OWN)) == OWN


def test_a_rule_that_was_pickled_before_rules_had_constants():
    old = object.__new__(Rule)
    vars(old).update(iterations=PAPERS.iterations)
    assert old == PAPERS and old.constants == PAPER and pickle.loads(pickle.dumps(old)) == PAPERS


def test_rows_with_the_papers_constants_are_what_they_were():
    assert json.loads(write_rule(PAPERS)) == ITERATIONS
    assert "constants" not in json.loads(PAPERS.to_json())
    own = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-6}
    assert json.loads(write_rule(OWN)) == {"iterations": ITERATIONS, "constants": own}


DAMAGED = {
    "the papers'": {"iterations": ITERATIONS, "constants": {}},
    "one of the papers'": {"iterations": ITERATIONS, "constants": {"beta_1": 0.9}},
    "none": {"iterations": ITERATIONS},
    "no iterations": {"constants": {"beta_1": 0.8}},
    "something else": {"iterations": ITERATIONS, "constants": {"beta_1": 0.8}, "formula": "g"},
    "of another name": {"iterations": ITERATIONS, "constants": {"beta_4": 0.8}},
    **{
        f"{name} {value!r:.20}": {"iterations": ITERATIONS, "constants": {name: value}}
        for name in ("beta_1", "epsilon")
        for value in (-0.5, float("nan"), float("inf"), 10**400, True, None, "0.5", [0.5], {})
    },
    "beta_2 1": {"iterations": ITERATIONS, "constants": {"beta_2": 1}},
    "epsilon 0": {"iterations": ITERATIONS, "constants": {"epsilon": 0}},
    **{f"{value!r:.20}": {"iterations": ITERATIONS, "constants": value} for value in (None, 5, [], [["beta_1", 1]])},
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_rows(kind):
    with pytest.raises(Damaged, match="it has an invalid rule"):
        read_rule(json.dumps(DAMAGED[kind]))


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), 10**400, True, None, "0.5"])
def test_constants_out_of_range(name, value):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be {RANGES[name].text}\. Received: "):
        Constants(**{name: value})


def test_a_promotion_keeps_them(tmp_path):
    candidates = [Candidate(OWN, 1, 0.9), Candidate(PAPERS, 2, 0.8)]
    saved.save(tmp_path, PromotionConfig(run="a-run"), candidates)
    assert saved.load(tmp_path).candidates == candidates
    rows = json.loads((tmp_path / saved.PROMOTION_FILE).read_text())["candidates"]
    assert ["constants" in row for row in rows] == [True, False]


def test_tokens_do_not_say_them():
    with pytest.raises(ValueError, match=r"has constants of its own, and the rules of a space have the papers'"):
        search_space("modern", 1).encode(OWN)
    assert search_space("modern", 1).decode(search_space("modern", 1).encode(PAPERS)) == PAPERS


@pytest.mark.parametrize("formula", ["g", "m_0.99 + 0.5 * clip(g, 0.02)", "v_0", "0 * g", "sign(lion_0.99)"])
def test_copied_tokens_are_what_from_tokens_takes(formula):
    rule = parse_formula(formula)
    arguments = eval(f"dict(tokens={_write_tokens(rule)})")
    assert Rule.from_tokens(**arguments) == rule
    assert ("numbers" in arguments) == (formula != "g")
