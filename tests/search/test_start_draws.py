"""Which start rules are tried again."""

import collections

import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.start_draws import StartDraws

pytestmark = pytest.mark.once

RULES = [parse_formula(text) for text in ("g", "m", "sign(m)", "Adam", "RMSProp")]


def test_all_rules_are_tried_once_more_and_the_better_ones_several_times():
    draws = StartDraws(RULES, 4)
    for rule, reward in zip(RULES, (0.1, 0.5, 0.2, 0.3, 0.4)):
        draws.see(rule, reward)
    rounds = collections.defaultdict(list)
    for draw in draws.draws:
        rounds[draw.round].append(draws.choose(draw))
    best_first = [RULES[i] for i in (1, 4, 3, 2, 0)]
    assert rounds[1] == RULES and [rounds[k] for k in (2, 3, 4)] == [best_first[:3], best_first[:2], best_first[:2]]


def test_every_rule_is_tried_in_the_first_round_whatever_happens_meanwhile():
    draws = StartDraws(RULES, 1)
    tried = []
    for number, draw in enumerate(draws.draws):
        tried.append(draws.choose(draw))
        draws.see(tried[-1], 1.0 - number / 10)
    assert tried == RULES


def test_the_best_trial_of_a_rule_counts_and_other_rules_do_not():
    draws = StartDraws(RULES[:2], 2)
    for rule, reward in ((RULES[0], 0.9), (RULES[1], 0.5), (RULES[0], 0.1), (RULES[2], 1.0)):
        draws.see(rule, reward)
    assert draws.choose(draws.draws[-1]) == RULES[0]


def test_there_may_be_no_rules_and_no_rounds():
    assert StartDraws([], 6).draws == StartDraws(RULES, 0).draws == []
