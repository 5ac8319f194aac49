"""Which rules of a search are promoted."""

import dataclasses

import fakes

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.promotion.candidates import choose_candidates
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.ranking import make_ranking

PROBES = [Screen().probe]
KNOWN = [fakes.fake_evaluation(rule, 0.1) for rule in KNOWN_OPTIMIZERS.values()]


def found(*rows):
    return [fakes.fake_evaluation(parse_formula(formula), reward) for formula, reward in rows]


def ranked(evaluations, known=KNOWN, **more):
    return make_ranking(evaluations, known, KNOWN_OPTIMIZERS, PROBES, **more).found


def choose(rows, top):
    return choose_candidates(rows, top, KNOWN_OPTIMIZERS.values())


def test_the_best_with_their_rank():
    chosen = choose(ranked(found(("g * sqrt(g)", 0.1), ("clip(m, 1e-3)", 0.3), ("g + m", 0.2))), 2)
    assert [(c.rule.formula(), c.rank, c.reward) for c in chosen] == [("clip(m, 1e-3)", 1, 0.3), ("g + m", 2, 0.2)]


def test_one_spelling_of_a_function_and_no_known_optimizer():
    rows = found(("g + m", 0.5), ("m + g", 0.4), ("2 * (m + g)", 0.3), ("2 * Adam", 0.2), ("drop(g, 0.1)", 0.1))
    assert [(c.rule.formula(), c.rank) for c in choose(ranked(rows), 5)] == [
        ("g + m", 1),
        ("drop(g, 0.1)", 2),
    ]


def test_a_known_optimizer_that_the_search_did_not_know_has_a_rank_and_stays_behind():
    rows = ranked(found(("g + m", 0.5), ("sign(g) * m * sign(m)", 0.4), ("drop(g, 0.1)", 0.1)))
    chosen = choose_candidates(rows, 5, [parse_formula("sign(g) * sign(m) * m")])
    assert [c.rank for c in chosen] == [1, 3]


def test_fresh_seeds_decide_where_there_are_any():
    first, second = found(("g + m", 0.5), ("drop(g, 0.1)", 0.4))
    fresh = {e.key: dataclasses.replace(e, reward=reward) for e, reward in ((first, 0.3), (second, 0.35))}
    chosen = choose(ranked([first, second], fresh=fresh), 5)
    assert [(c.rule, c.rank, c.reward) for c in chosen] == [(second.rule, 1, 0.35), (first.rule, 2, 0.3)]


def test_what_did_not_train_to_the_end_stays_behind():
    first, second = found(("g + m", 0.5), ("drop(g, 0.1)", 0.1))
    for status in ("diverged", "stopped", "timeout"):
        rows = ranked([dataclasses.replace(first, status=status), second])
        assert [(c.rule, c.rank) for c in choose(rows, 5)] == [(second.rule, 1)]


def test_rules_that_no_screen_would_pass_are_told_apart():
    assert len(choose(ranked(found(("eps", 0.2), ("g^2", 0.1), ("g^2 * 1", 0.05))), 5)) == 2
