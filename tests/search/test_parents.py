"""Which trials have children."""

import collections
import dataclasses

import fakes
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.parents import Individual, Parents, Tried
from neural_optimizer_search.search.seed_effects import SeedEffects
from neural_optimizer_search.search.settings_config import SettingsConfig

pytestmark = pytest.mark.once

FORMS = [parse_formula(text) for text in ("Adam", "sign(m)", "g")]


def add(parents, form, reward, rewards=None, tag=0.1):
    individual = Individual(form, None, {"rate": tag})
    made = dataclasses.replace(fakes.fake_evaluation(form, reward), sweep_reward=reward)
    parents.see(form, made)
    parents.add(Tried(individual, rewards or (reward,)))


def find_needed(parents):
    return parents.find_least()[1:]


def make(count=6, effects=None, **config):
    return Parents(SettingsConfig(**config), count, tasks=0, effects=effects or SeedEffects(2))


def count_choices(parents, draws=2000):
    rng = np.random.default_rng(0)
    return collections.Counter(parents.choose(rng).form for _ in range(draws))


def test_the_best_trials_are_a_share_of_all():
    parents = make(count=2, parents=2, parent_share=0.1, most_parents=5)
    sizes = []
    for number in range(80):
        add(parents, FORMS[0], number / 100)
        sizes.append(len(parents.best))
    assert sizes[:2] == [1, 2] and sizes[30] == 4 and sizes[-1] == 5
    assert [one.rewards for one in parents.best] == [(0.79,), (0.78,), (0.77,), (0.76,), (0.75,)]


def test_a_form_is_chosen_by_the_share_of_its_trials_that_are_among_the_best():
    """Not by their number, which a form owes to the number of its trials."""
    parents = make(count=6)
    for reward in (0.9, 0.91, 0.92):
        add(parents, FORMS[0], reward)  # three of three
    for number in range(8):
        add(parents, FORMS[1], 0.93 if number < 3 else 0.1)  # three of eight
    counts = count_choices(parents)
    assert counts[FORMS[0]] > 0.8 * counts.total() > counts[FORMS[1]] > 0


def test_a_form_none_of_whose_trials_is_among_the_best_has_no_children():
    parents = make(count=2)
    for form, reward in zip(FORMS, (0.9, 0.8, 0.1)):
        add(parents, form, reward)
    assert set(count_choices(parents)) == set(FORMS[:2])


def test_better_trials_of_a_form_have_more_children():
    parents = make(count=3)
    for tag, reward in ((0.1, 0.5), (0.2, 0.7), (0.3, 0.6)):
        add(parents, FORMS[0], reward, tag=tag)
    rng = np.random.default_rng(0)
    counts = collections.Counter(parents.choose(rng).values["rate"] for _ in range(600))
    assert counts[0.2] > counts[0.3] > counts[0.1] > 50


def test_what_is_needed_is_what_the_middle_of_the_best_settings_has():
    """Whatever their forms; a trial that was not trained with every seed does not count."""
    parents = make(count=3)
    for reward in (0.5, 0.6, 0.7):
        assert find_needed(parents) == (0.0,)
        add(parents, FORMS[0], reward, rewards=(reward + 0.1, reward - 0.1))
    add(parents, FORMS[1], 0.95)
    assert find_needed(parents) == pytest.approx((0.6,))
    add(parents, FORMS[1], 0.65, rewards=(0.75, 0.55))
    assert find_needed(parents) == pytest.approx((0.65,))


def test_a_kind_seed_makes_no_parents():
    """Where the first seed is kind to all, a trial with this seed alone is worth less than its reward."""
    effects = SeedEffects(2)
    effects.add((0.52, 0.48))
    parents = make(count=1, effects=effects)
    add(parents, FORMS[0], 0.60, rewards=(0.62, 0.58))
    add(parents, FORMS[1], 0.61)
    assert parents.best[0].individual.form == FORMS[0]
    assert find_needed(parents) == pytest.approx((0.62,))
