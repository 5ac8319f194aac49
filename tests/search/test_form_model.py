"""What trials of a form tell of its constants."""

import dataclasses

import fakes
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.form_model import ENOUGH, FormModel
from neural_optimizer_search.search.seed_effects import SeedEffects
from neural_optimizer_search.trials.tunables import find_own_values, find_tunables

pytestmark = pytest.mark.once

FORM, OTHER = parse_formula("sqrt(|w|) * Adam"), parse_formula("Adam")
TUNABLES = find_tunables(FORM, fakes.TINY)


def add(model, rate, reward, status="ok", rewards=None, early=0.0):
    """A score of 0 at the end says nothing of whether there was an end."""
    made = dataclasses.replace(fakes.fake_evaluation(FORM, reward), status=status, accuracy=0.0, sweep_reward=early)
    made = dataclasses.replace(made, rewards=(reward,) if rewards is None else rewards)
    model.add(FORM, TUNABLES, find_own_values(TUNABLES, rate), made)


def make(count=40, how=lambda reward, rate: {}):
    """The nearer a rate is to 0.1, the better."""
    model, rng = FormModel(SeedEffects(1)), np.random.default_rng(0)
    for rate in np.exp(rng.uniform(np.log(1e-3), np.log(1.0), count)):
        reward = 0.9 - 0.1 * abs(np.log10(rate) + 1)
        add(model, rate, reward, **how(reward, rate))
    return model


def draw_rates(model, count=30):
    drawn = [model.suggest(FORM, TUNABLES, seed) for seed in range(count)]
    return np.log10([one["rate"] for one in drawn])


def test_what_is_drawn_is_near_the_best():
    assert np.median(np.abs(draw_rates(make()) + 1)) < 0.4


@pytest.mark.parametrize(
    "how",
    [
        lambda reward: dict(status="stopped", rewards=(), early=reward),
        lambda reward: dict(status="diverged", rewards=(reward, 0.0), early=reward),
        lambda reward: dict(status="failed", rewards=()),
    ],
)
def test_what_did_not_get_to_its_end_was_worth_less_than_what_did(how):
    """Here all that is near 0.1 did not, however good it was."""
    assert np.median(draw_rates(make(how=lambda reward, rate: how(reward) if rate >= 0.01 else {}))) < -1.8


def test_what_had_one_seed_of_several_got_to_its_end():
    assert np.median(np.abs(draw_rates(make(how=lambda reward, rate: dict(status="stopped", early=0.3))) + 1)) < 0.4


def test_the_same_seed_draws_the_same():
    assert make().suggest(FORM, TUNABLES, 3) == make().suggest(FORM, TUNABLES, 3)
    assert make().suggest(FORM, TUNABLES, 3) != make().suggest(FORM, TUNABLES, 4)


def test_a_form_that_was_tried_seldom_has_no_values():
    assert make(ENOUGH - 1).suggest(FORM, TUNABLES, 0) is None and make(ENOUGH).suggest(FORM, TUNABLES, 0)
    assert make().suggest(OTHER, find_tunables(OTHER, fakes.TINY), 0) is None


def test_what_was_tried_outside_the_range_is_at_its_end():
    model = make()
    add(model, 1e6, 0.99)
    assert set(model.suggest(FORM, TUNABLES, 0)) == {one.name for one in TUNABLES}
