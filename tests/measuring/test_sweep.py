"""Which learning rates are tried, and which one is chosen."""

import dataclasses
import itertools

import fakes
import numpy as np
import pytest
from planted import Planted

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.rule_runs import RuleRuns
from neural_optimizer_search.measuring.sweep import Sweep, find_next_rate
from neural_optimizer_search.tasks.protocol import Racing

RATES = tuple(range(1, 10))
PROTOCOL = dataclasses.replace(
    fakes.TINY, learning_rates=RATES, finalists=3, seeds=(0, 1, 2), centred=False, racing=Racing()
)


def try_all(losses, middle):
    """The positions that are tried, in order."""
    tried = {}
    while (position := find_next_rate(tried, len(losses), middle)) is not None:
        assert position not in tried
        tried[position] = losses[position]
    return list(tried)


@pytest.mark.parametrize("middle", [1, 2, 3, 9])
def test_the_minimum_of_whatever_falls_and_then_rises_is_found(middle):
    for count in range(1, 10):
        for best, diverged in itertools.product(range(count), range(3)):
            losses = [1.0 + abs(i - best) * (1.0 if i < best else 0.3) for i in range(count)]
            losses[max(best + 1, count - diverged) :] = [np.inf] * (count - max(best + 1, count - diverged))
            tried = try_all(losses, middle)
            assert best in tried
            assert sorted(tried) == list(range(min(tried), max(tried) + 1))


def test_it_goes_outwards_from_the_middle_and_no_further_than_it_must():
    losses = [5.0, 4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert try_all(losses, 3) == [3, 4, 5]
    assert try_all(losses, 1) == [4, 3, 5]
    assert try_all(list(range(9)), 1) == [4, 3, 2, 1, 0]
    assert try_all(list(range(9, 0, -1)), 1) == [4, 3, 5, 6, 7, 8]
    assert try_all([1.0] * 9, 3) == [3, 4, 5, 2]


def test_if_all_diverge_all_are_tried_and_the_lower_ones_first():
    assert try_all([np.inf] * 9, 3) == [3, 4, 5, 2, 1, 0, 6, 7, 8]
    assert try_all([np.inf] * 8 + [1.0], 1) == [4, 3, 2, 1, 0, 5, 6, 7, 8]
    assert try_all([], 3) == []


def test_without_racing_all_are_tried_in_their_order():
    assert try_all([1.0] * 9, None) == list(range(9))
    assert try_all([], None) == []


def sweep_of(loss, protocol=PROTOCOL):
    train = Planted(loss)
    return Sweep(RuleRuns(train, parse_formula("g")), RATES, protocol), train.calls


def test_the_best_few_are_tried_with_the_other_seeds_while_they_may_be_the_best():
    """Rate 4 is best with the first seed, 5 with each of the others; 3 is worse than 4 with each."""
    losses = {4: (1.0, 3.0, 3.0), 5: (1.1, 1.1, 1.1), 3: (1.2, 3.1, 3.1)}
    sweep, calls = sweep_of(lambda rate, seed, steps: losses.get(rate, (9.0,) * 3)[seed])
    assert sweep.try_rates() == 4
    assert [rate for rate, *_ in calls] == [5, 4, 3]
    assert sweep.choose() == 5
    assert [call[:2] for call in calls[3:]] == [(4, 1), (4, 2), (5, 1), (5, 2), (3, 1)]
    assert dict(sweep.losses)[5] == pytest.approx(1.1) and dict(sweep.losses)[3] == pytest.approx(2.15)
    everything, calls = sweep_of(
        lambda rate, seed, steps: losses.get(rate, (9.0,) * 3)[seed], dataclasses.replace(PROTOCOL, racing=None)
    )
    everything.try_rates()
    assert everything.choose() == 5 and len(calls) == 9 + 3 * 2


def test_a_rate_is_not_dropped_before_most_seeds_are_against_it():
    protocol = dataclasses.replace(PROTOCOL, seeds=(0, 1, 2, 3, 4), finalists=2)
    losses = {4: (1.0, 1.0, 9.0, 9.0, 9.0), 5: (1.1, 1.1, 1.1, 1.1, 1.1)}
    sweep, _ = sweep_of(lambda rate, seed, steps: losses.get(rate, (8.0,) * 5)[seed], protocol)
    sweep.try_rates()
    assert sweep.choose() == 5


def test_if_another_seed_diverges_at_all_that_were_tried_more_are_tried():
    def loss(rate, seed, steps):
        return np.inf if rate > 2 and seed == 1 else abs(rate - 5.0)

    sweep, _ = sweep_of(loss)
    assert sweep.try_rates() == 5
    assert sweep.choose() == 2
    assert [rate for rate, _ in sweep.losses] == [2, 3, 4, 5, 6]
    assert [mean is None for _, mean in sweep.losses] == [False, True, True, True, True]
    never, calls = sweep_of(lambda rate, seed, steps: np.inf if seed == 2 else 1.0)
    assert never.try_rates() is not None and never.choose() is None
    assert len({rate for rate, *_ in calls}) == len(RATES)


def test_who_did_worse_than_one_that_is_beaten_is_not_tried():
    sweep, calls = sweep_of(lambda rate, seed, steps: abs(rate - 5.1))
    assert sweep.try_rates() == sweep.choose() == 5
    assert [call[:2] for call in calls] == [(5, 0), (4, 0), (6, 0), (5, 1), (5, 2), (6, 1)]
