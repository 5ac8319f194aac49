"""What a person reads after each rung of a promotion."""

import fakes

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.promotion.candidates import Candidate
from neural_optimizer_search.promotion.halving import Rung
from neural_optimizer_search.promotion.table import promotion_table
from neural_optimizer_search.search.score_words import score_words

RULES = [parse_formula(text) for text in ("g * m", "g^3", "log(|g|)")]
KNOWN = {"Adam": parse_formula("Adam"), "Momentum": parse_formula("m")}
RUNGS = [
    Rung(1, [fakes.fake_evaluation(rule, reward) for rule, reward in zip(RULES, (0.2, 0.3, 0.1))], []),
    Rung(
        2,
        [fakes.fake_evaluation(rule, reward) for rule, reward in zip(RULES, (0.5, 0.4))],
        [fakes.fake_evaluation(rule, reward) for rule, reward in zip(KNOWN.values(), (0.3, 0.6))],
    ),
]


def show(words):
    return promotion_table(RUNGS, [Candidate(rule, 7, 0.1) for rule in RULES], 3, words, KNOWN)


def test_the_rules_of_the_last_rung_come_first():
    header, *lines = show(score_words("digits")).splitlines()
    assert header.split()[:5] == ["now", "search", "rung", "reward", "accuracy"]
    assert [line.split()[:3] for line in lines[:3]] == [["1", "7", "2/3"], ["2", "7", "2/3"], ["3", "7", "1/3"]]
    assert [line.split()[-1] for line in lines[1:3]] == ["g^3", "log(|g|)"]


def test_scores_are_said_as_values_of_the_metric():
    table = show(score_words("mine:task", Fingerprint({}, {}, 2.0, 1.0, "mae", 1.5, 0.0)))
    best, (_, momentum) = RUNGS[1].found[0], RUNGS[1].known
    values = [f"{1.5 * (1 - e.accuracy):.4g}" for e in (best, momentum)]
    assert f"\nAt the end of rung 2, mae is {values[0]} with rule 1, {values[1]} with Momentum." in table
    assert "At the end of rung" not in show(score_words("digits"))
