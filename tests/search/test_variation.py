"""How strings are made of others."""

import numpy as np
import pytest

from neural_optimizer_search import search_space
from neural_optimizer_search.search.variation import cross, draw_string, mutate

pytestmark = pytest.mark.once

SPACE = search_space("signs", depth=2)


def test_a_mutation_changes_one_token_and_stays_legal():
    rng = np.random.default_rng(0)
    for parent in SPACE.sample(rng, 50):
        child = mutate(tuple(parent), SPACE, rng)
        assert SPACE.is_legal(child) and sum(a != b for a, b in zip(parent, child)) == 1


def test_a_crossed_string_has_a_span_of_the_other_and_stays_legal():
    rng = np.random.default_rng(0)
    for _ in range(50):
        one, other = draw_string(SPACE, rng), draw_string(SPACE, rng)
        child = cross(one, other, SPACE, rng)
        assert SPACE.is_legal(child) and child not in (one, other)
        taken = [k for k, (a, b) in enumerate(zip(child, one)) if a != b]
        assert all(child[k] == other[k] for k in range(taken[0], taken[-1] + 1))


@pytest.mark.parametrize("places", [0, 1])
def test_what_cannot_be_crossed_is_mutated(places):
    rng = np.random.default_rng(0)
    string = draw_string(SPACE, rng)
    other = mutate(string, SPACE, rng) if places else string
    for _ in range(20):
        child = cross(string, other, SPACE, rng)
        assert SPACE.is_legal(child) and sum(a != b for a, b in zip(child, string)) == 1
