"""Different behaviours in the order of a leaderboard, and how many rules are like each."""

import contextlib
import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.ranking import make_ranking, read_found_rules, read_ranking

pytestmark = pytest.mark.once

PROBES = [Screen().probe]
NAMES = {name: parse_formula(formula) for name, formula in (("SGD", "g"), ("Adam", "Adam"))}
KNOWN = [fakes.fake_evaluation(rule, 0.3) for rule in NAMES.values()]
DISGUISE = "Adam - clip(clip(v, 1e-3), 1e-3)"


def evaluate(*rows, **changes):
    return [
        dataclasses.replace(fakes.fake_evaluation(parse_formula(formula), reward), **changes)
        for formula, reward in rows
    ]


def test_each_behaviour_once_under_its_best_and_disguises_under_what_they_are():
    found = evaluate(("g * sqrt(m)", 0.4), (DISGUISE, 0.9), ("2 * g * sqrt(m)", 0.5), ("drop(g, 0.3)", 0.6))
    ranking = make_ranking(found, KNOWN, NAMES, PROBES, alike={found[3].key: 2})
    assert [(one.name, one.alike, one.place) for one in ranking.found] == [
        ("drop(g, 0.3)", 2, 1),
        (found[2].rule.formula(), 1, 2),
    ]
    assert {one.name: one.alike for one in ranking.known} == {"SGD": 0, "Adam": 1}


def test_of_neighbours_the_best_is_shown_but_not_a_known_optimizer_in_their_place():
    """Their cosines are above 0.95, and too low for rules that behave alike."""
    found = evaluate(("drop(sign(m), 0.3)", 0.5), ("drop(sign(m), 0.5)", 0.6), ("Adam + drop(Adam, 0.3)", 0.4))
    ranking = make_ranking(found, KNOWN, NAMES, PROBES)
    assert [(one.name, one.alike) for one in ranking.found] == [
        ("drop(sign(m), 0.5)", 1),
        ("Adam + drop(Adam, 0.3)", 0),
    ]
    assert [one.alike for one in ranking.known] == [0, 0]


def test_what_failed_is_like_nothing_and_what_was_stopped_has_no_place():
    found = [*evaluate((DISGUISE, 0.0), status="failed"), *evaluate(("g * m", 0.9), status="stopped")]
    ranking = make_ranking(found, KNOWN, NAMES, PROBES)
    assert [one.evaluation.status for one in ranking.found] == ["failed"]
    assert [one.alike for one in ranking.known] == [0, 0]


def add_seeds(evaluation, *rewards):
    mean = sum(rewards) / len(rewards)
    return dataclasses.replace(
        evaluation, reward=mean, rewards=rewards, seeds=tuple(range(1000, 1000 + len(rewards)))
    )


def test_fresh_seeds_decide_and_are_compared_seed_by_seed():
    first, second = found = evaluate(("g * sqrt(m)", 0.9), ("drop(g, 0.3)", 0.6))
    sgd, adam = KNOWN
    rewards = ((first, 0.5, 0.6), (second, 0.8, 0.8), (sgd, 0.7, 0.8), (adam, 0.6, 0.2))
    fresh = {e.key: add_seeds(e, *those) for e, *those in rewards}
    ranking = make_ranking(found, KNOWN, NAMES, PROBES, fresh)
    assert [one.rule for one in ranking.found] == [second.rule, first.rule]
    assert ranking.reference.name == "SGD" and ranking.compared == 2
    assert ranking.find_probability(ranking.found[0]) == pytest.approx(0.75)  # of 0.1 and 0
    assert ranking.find_probability(ranking.found[1]) is None  # of -0.2 twice
    assert ranking.find_probability(ranking.reference) == 0.5
    adam = ranking.known[1]
    assert ranking.find_probability(ranking.found[0], adam) == pytest.approx(0.852, abs=1e-3)  # of 0.2 and 0.6


def test_seeds_that_one_of_them_lacks_do_not_count():
    (one,) = evaluate(("drop(g, 0.3)", 0.6))
    fresh = {one.key: add_seeds(one, 0.8, 0.9, 0.0), KNOWN[0].key: add_seeds(KNOWN[0], 0.7, 0.9)}
    ranking = make_ranking([one], KNOWN, NAMES, PROBES, fresh)
    assert ranking.find_probability(ranking.found[0]) == pytest.approx(0.75)
    assert ranking.known[1].fresh is None and ranking.find_probability(ranking.known[1]) is None


def test_a_rule_is_shown_as_short_as_it_can_be_written():
    ranking = make_ranking(evaluate(("sign(g) * sqrt(m) - clip(clip(v, 1e-3), 1e-5)", 0.5)), KNOWN, NAMES, PROBES)
    assert ranking.shorten(ranking.found[0]).formula() == "sign(g) * sqrt(|m|)"


def test_the_shortest_formula_is_no_rule_that_the_screen_rejects(monkeypatch):
    """What is lost in rounding on the recorded gradients may be all that trains."""
    ranking = make_ranking(evaluate(("g * sqrt(m)", 0.5)), KNOWN, NAMES, PROBES)
    monkeypatch.setattr(Behaviours, "find", lambda *whatever: "alike")
    assert ranking.shorten(ranking.found[0]).formula() in ("g", "m")


def test_the_rules_of_a_run_are_those_of_its_leaderboard(tmp_path):
    found = evaluate(("2 * g", 0.9), ("g * sqrt(m)", 0.8), ("drop(g, 0.3)", 0.6))
    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite", {"baselines": "sgd,adam"})) as ledger:
        for evaluation in KNOWN:
            ledger.add_evaluation(evaluation, "baseline")
        for evaluation in found:
            ledger.add_evaluation(evaluation, "search")
        ledger.add_evaluation(*evaluate(("exp(g)", 0.95), status="diverged"), "search")
        assert [one.rule for one in read_found_rules(tmp_path)] == [e.rule for e in found[1:]]
        for evaluation, reward in ((KNOWN[0], 0.5), (found[1], 0.4), (found[2], 0.7)):
            ledger.add_fresh(add_seeds(evaluation, reward, reward))
        assert [one.rule for one in read_found_rules(tmp_path)] == [found[2].rule, found[1].rule]
        assert [one.rule for one in read_ranking(ledger).found][:2] == [found[2].rule, found[1].rule]
