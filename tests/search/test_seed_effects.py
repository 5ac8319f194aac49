"""How seeds differ."""

import numpy as np
import pytest

from neural_optimizer_search.search.seed_effects import SeedEffects

pytestmark = pytest.mark.once


def test_a_reward_with_a_kind_seed_is_worth_less():
    effects = SeedEffects(3)
    for level in (0.5, 0.9):
        effects.add((level + 0.05, level, level - 0.05))
    assert effects.correct((0.7,)) == pytest.approx(0.65)
    assert effects.correct((0.7, 0.6)) == pytest.approx(0.625)
    assert effects.correct((0.7, 0.6, 0.5)) == pytest.approx(0.6)
    assert effects.find_needed(0.6) == pytest.approx([0.65, 0.625])
    for seen, needed in enumerate(effects.find_needed(0.6), 1):
        assert effects.correct((needed,) * seen) == pytest.approx(0.6)


def test_all_seeds_are_alike_until_something_is_known():
    effects = SeedEffects(2)
    assert effects.correct((0.5,)) == 0.5 and effects.find_needed(0.5) == [0.5]


def test_a_bad_setting_whose_rewards_vary_much_does_not_count_more():
    effects = SeedEffects(3)
    for rewards in ((0.51, 0.5, 0.49), (0.3, 0.1, 0.05), (0.61, 0.6, 0.59)):
        effects.add(rewards)
    assert effects.correct((0.5,)) == pytest.approx(0.49, abs=0.002)


def test_settings_that_lack_a_seed_tell_nothing():
    effects = SeedEffects(3)
    effects.add((0.9, 0.1))
    assert effects.correct((0.5,)) == 0.5


def test_one_seed_has_no_effect():
    effects = SeedEffects(1)
    effects.add((0.5,))
    assert effects.correct((0.7,)) == 0.7 and effects.find_needed(0.5) == []


def test_chance_averages_out():
    rng, effects = np.random.default_rng(0), SeedEffects(3)
    for level in rng.uniform(size=1000):
        effects.add(level + np.array([0.02, 0.0, -0.02]) + 0.01 * rng.normal(size=3))
    assert effects.correct((0.5,)) == pytest.approx(0.48, abs=0.001)
