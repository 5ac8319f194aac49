"""Which evaluation counts as a better one than the best so far."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.best_so_far import BestSoFar


def measured(*rewards, **more):
    evaluation = fakes.fake_evaluation(parse_formula("g"))
    seeds, mean = tuple(range(len(rewards))), sum(rewards) / len(rewards)
    return dataclasses.replace(evaluation, reward=mean, rewards=rewards, seeds=seeds, **more)


@pytest.mark.parametrize(
    "rewards, waited",
    [
        ((0.81, 0.86, 0.82), 0),  # each seed is as much better
        ((0.70, 0.99, 0.95), 1),  # on the average it is, but not beyond noise
        ((0.79, 0.84, 0.80), 1),
        ((0.6, 0.6, 0.6), 1),
    ],
)
def test_a_best_one_is_better_beyond_the_noise_of_its_seeds(rewards, waited):
    best = BestSoFar()
    best.learn(measured(0.80, 0.85, 0.81))
    best.learn(measured(*rewards))
    assert best.waited == waited


def test_small_gains_count_together():
    best, rng = BestSoFar(), [0.02, -0.01, 0.0]
    for step in range(8):
        best.learn(measured(*(0.5 + 0.004 * step + (step % 2) * noise for noise in rng)))
    assert best.waited < 4


def test_with_one_seed_a_higher_reward_is_enough():
    best = BestSoFar()
    for reward in (0.5, 0.4, 0.51):
        best.learn(measured(reward))
    assert best.waited == 0


def test_what_was_not_trained_to_its_end_is_no_best_one_and_what_is_cached_was_not_trained():
    best = BestSoFar()
    best.learn(measured(0.5))
    for more in (dict(status="stopped"), dict(status="diverged"), dict(status="failed")):
        best.learn(measured(0.9, **more))
    assert best.waited == 3
    best.learn(measured(0.4, cached=True))
    best.learn(measured(0.4, form="another's"))
    assert best.waited == 3
    best.learn(measured(0.6, cached=True))
    assert best.waited == 0
