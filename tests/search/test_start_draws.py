"""Which start rules are tried again."""

import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.start_draws import StartDraws

pytestmark = pytest.mark.once

RULES = [parse_formula(text) for text in ("g", "m", "sign(m)", "Adam", "RMSProp")]


def try_all(draws, rewards, looks=1):
    for rule, reward in zip(RULES, rewards):
        draws.see(rule, looks, reward)


def count_draws(draws, size=1):
    """The number of further trials of each rule, whose rewards are the same again."""
    left, counts = list(draws.draws), dict.fromkeys(RULES, 0)
    while left:
        for rule in draws.choose(left[:size]):
            draws.see(rule, 1, 0.0)
            counts[rule] += 1
        left = left[size:]
    return list(counts.values())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_all_rules_are_tried_once_more_and_the_better_ones_several_times(size):
    draws = StartDraws(RULES, 4)
    try_all(draws, (0.1, 0.5, 0.2, 0.3, 0.4))
    assert [draws.draws.count(k) for k in (1, 2, 3, 4)] == [5, 3, 2, 2]
    assert count_draws(draws, size) == [1, 4, 1, 2, 4]


def test_every_rule_is_tried_in_the_first_round_whatever_happens_meanwhile():
    draws = StartDraws(RULES, 1)
    try_all(draws, (0.1, 0.2, 0.3, 0.4, 0.5))
    tried = []
    for number, draw in enumerate(draws.draws):
        tried += draws.choose([draw])
        draws.see(tried[-1], 1, 0.9 + number / 100)
    assert set(tried) == set(RULES)


def test_a_rule_that_rises_within_a_round_is_tried_and_none_twice():
    draws = StartDraws(RULES, 2)
    try_all(draws, (0.5, 0.4, 0.3, 0.2, 0.1))
    for rule in draws.choose([1] * 5):
        draws.see(rule, 1, 0.0)
    (first,) = draws.choose([2])
    draws.see(first, 1, 0.0)
    draws.see(RULES[4], 1, 0.9)  # by a child
    rest = draws.choose([2, 2])
    assert len({first, *rest}) == 3 and {first, *rest} <= set(RULES[:2] + RULES[4:])


def test_the_best_trial_of_a_rule_counts_and_other_rules_do_not():
    draws = StartDraws(RULES[:2], 2)
    for rule, reward in ((RULES[0], 0.9), (RULES[1], 0.5), (RULES[0], 0.1), (RULES[1], 0.5), (RULES[2], 1.0)):
        draws.see(rule, 1, reward)
    assert draws.choose(draws.draws[-1:]) == [RULES[0]]


def test_a_trial_that_came_further_is_better():
    """The reward on the first task, or after a third of a training, is not that of the whole."""
    draws = StartDraws(RULES[:2], 2)
    draws.see(RULES[0], 1, 0.9)
    draws.see(RULES[1], 2, 0.3)
    assert draws.choose([2]) == [RULES[1]]


def test_there_may_be_no_rules_and_no_rounds():
    assert StartDraws([], 6).draws == StartDraws(RULES, 0).draws == []
