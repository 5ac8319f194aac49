"""Which rules go on, and how long a rung trains."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.promotion.halving import Halving, Rung, climb

RULES = [parse_formula(text) for text in ("g", "m", "g * m", "exp(g)", "log(g)", "sqrt(g)", "Adam")]


@pytest.mark.parametrize(
    ("rungs", "keep", "counts"),
    [(3, 1 / 3, [20, 7, 3]), (3, 0.5, [20, 10, 5]), (1, 0.5, [20]), (5, 0.1, [20, 2, 1, 1, 1])],
)
def test_counts(rungs, keep, counts):
    assert Halving(rungs, keep).counts(20) == counts


def test_a_share_that_is_no_binary_number_keeps_no_more():
    assert Halving(keep=0.1).count_kept(30) == 3


@pytest.mark.parametrize(
    ("rungs", "keep", "steps", "ends"),
    [
        (3, 1 / 3, 90, [10, 30, 90]),
        (1, 0.5, 7, [7]),
        (4, 0.1, 8, [1, 2, 4, 8]),  # each rung has a step of its own
        (4, 0.99, 8, [5, 6, 7, 8]),
        (8, 0.5, 8, [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_rungs_end_later_and_later(rungs, keep, steps, ends):
    assert Halving(rungs, keep).ends(steps) == ends


@pytest.mark.parametrize(
    ("least", "ends"), [(4, [4, 12, 36]), (12, [12, 21, 36]), (36, [34, 35, 36]), (99, [34, 35, 36])]
)
def test_the_first_rung_does_not_end_before_the_sweep(least, ends):
    assert Halving(3, 1 / 3).ends(36, least) == ends
    assert Halving(1).ends(36, least) == [36]


def test_more_rungs_than_steps():
    with pytest.raises(ValueError, match=r"`rungs` must be at most 3, the steps of a training. Received: 4\."):
        Halving(4).ends(3)


@pytest.mark.parametrize("arguments", [dict(rungs=0), dict(keep=0.0), dict(keep=1.0)])
def test_arguments_are_checked(arguments):
    with pytest.raises(ValueError, match=rf"`{next(iter(arguments))}` must be .* Received: "):
        Halving(**arguments)


def measured(rewards):
    """The rungs of `climb` when the rules have these rewards in each; None: the rule diverged."""

    def measure(number, rules):
        found = [fakes.fake_evaluation(rule, rewards[number - 1][rule] or 0.9) for rule in rules]
        found = [
            e if rewards[number - 1][e.rule] is not None else dataclasses.replace(e, status="diverged") for e in found
        ]
        return Rung(number, found, [])

    return list(climb(RULES[:4], Halving(2, 0.5), measure))


def test_the_best_go_on():
    first = dict(zip(RULES, (0.1, 0.4, 0.3, 0.2)))
    rungs = measured([first, first])
    assert [[e.rule for e in rung.found] for rung in rungs] == [RULES[:4], [RULES[1], RULES[2]]]


def test_what_diverged_does_not_go_on():
    rewards = dict(zip(RULES, (None, None, None, 0.2)))
    assert [e.rule for e in measured([rewards, rewards])[1].found] == [RULES[3]]


def test_it_ends_when_nothing_is_left():
    assert len(measured([dict.fromkeys(RULES)])) == 1
