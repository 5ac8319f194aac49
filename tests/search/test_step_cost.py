"""What is said of rules that take longer than Adam."""

import dataclasses

import fakes

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.ranking import Contender
from neural_optimizer_search.search.step_cost import describe_costs


def make(name, *measured):
    evaluation, fresh = (
        dataclasses.replace(fakes.fake_evaluation(parse_formula(name)), seconds=seconds, steps=steps, cached=cached)
        for seconds, steps, cached in (*measured, (0.0, 0, False))[:2]
    )
    return Contender(name, evaluation, fresh)


ADAM = make("Adam", (5.0, 100, False), (1.0, 100, False))  # the first time it was traced


def test_rules_that_take_longer_are_named_by_their_places():
    shown = [make("g", (1.2, 100, False)), make("m", (64.0, 200, False)), make("v", (3.0, 100, False))]
    assert describe_costs(shown, [ADAM]) == [
        "Compared with Adam, a step here takes 32 times as long with rule 2, 3 times as long with rule 3."
    ]


def test_what_is_not_known_is_not_said():
    slow = make("m", (64.0, 200, False))
    assert describe_costs([slow], []) == describe_costs([slow], [make("Adam", (1.0, 100, True))]) == []
    assert describe_costs([make("m", (64.0, 200, True))], [ADAM]) == []
    assert describe_costs([make("m", (0.0, 0, False))], [ADAM]) == []
