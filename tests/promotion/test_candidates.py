"""Which rules of a search are promoted."""

import dataclasses

import fakes

from neural_optimizer_search import parse_formula
from neural_optimizer_search.promotion.candidates import choose_candidates


def found(*rows):
    return [fakes.fake_evaluation(parse_formula(formula), reward) for formula, reward in rows]


def test_the_best_with_their_rank():
    chosen = choose_candidates(found(("g * sqrt(g)", 0.1), ("clip(m, 1e-3)", 0.3), ("g + m", 0.2)), 2)
    assert [(c.rule.formula(), c.rank, c.reward) for c in chosen] == [("clip(m, 1e-3)", 1, 0.3), ("g + m", 2, 0.2)]


def test_one_spelling_of_a_function_and_no_known_optimizer():
    rows = found(("g + m", 0.5), ("m + g", 0.4), ("2 * (m + g)", 0.3), ("2 * Adam", 0.2), ("drop(g, 0.1)", 0.1))
    assert [(c.rule.formula(), c.rank) for c in choose_candidates(rows, 5)] == [("g + m", 1), ("drop(g, 0.1)", 5)]


def test_what_did_not_train_to_the_end_has_a_rank_and_stays_behind():
    first, second = found(("g + m", 0.5), ("drop(g, 0.1)", 0.1))
    assert [c.rank for c in choose_candidates([dataclasses.replace(first, status="diverged"), second], 5)] == [2]


def test_rules_that_no_screen_would_pass_are_told_apart_by_their_text():
    assert len(choose_candidates(found(("eps", 0.2), ("g^2", 0.1), ("g^2 * 1", 0.05)), 5)) == 2
