"""What the model of strings expects."""

import numpy as np
import pytest

from neural_optimizer_search.search.string_model import StringModelConfig, score_strings

pytestmark = pytest.mark.once

STRINGS = [(0, 0, 0, 0), (0, 0, 0, 1), (3, 3, 3, 3), (2, 2, 2, 2)]
REWARDS = [0.9, 0.8, 0.1, 0.2]


def score(*candidates, rewards=REWARDS, **changes):
    return score_strings(candidates, STRINGS, rewards, StringModelConfig(**changes))


def test_what_is_near_good_strings_promises_most():
    near_good, near_bad, far = score((0, 0, 1, 0), (3, 3, 3, 2), (5, 6, 7, 8), boldness=0.0)
    assert near_good > far > near_bad


def test_what_is_known_to_be_good_is_expected_again():
    assert np.argsort(score(*STRINGS, boldness=0.0)).tolist() == [2, 3, 1, 0]


def test_boldness_prefers_what_is_unknown():
    known, unknown = score((3, 3, 3, 3), (3, 5, 6, 7), boldness=2.0) - score((3, 3, 3, 3), (3, 5, 6, 7), boldness=0.0)
    assert unknown > known > 0.0


def test_only_the_order_of_the_rewards_matters():
    candidates = [(0, 0, 1, 1), (3, 2, 2, 2), (1, 1, 1, 1)]
    scaled = [100.0 * reward - 50.0 for reward in REWARDS]
    np.testing.assert_array_equal(score(*candidates, rewards=scaled), score(*candidates))


def test_equal_candidates_have_equal_scores():
    """Words that nobody has tried are one like the other: which comes first, must not depend on rounding."""
    scores = score(*[(0, 0, token, 0) for token in range(4, 200)])
    assert len(set(scores)) == 1


def test_it_looks_at_the_last_strings():
    np.testing.assert_array_equal(
        score((1, 2, 3, 4), memory=2), score_strings([(1, 2, 3, 4)], STRINGS[2:], REWARDS[2:])
    )


def test_one_string_is_enough():
    assert np.isfinite(score_strings([(1, 2)], [(1, 1)], [0.5])).all()


@pytest.mark.parametrize("field, value", [("reach", 0.0), ("noise", -1.0), ("boldness", -0.1), ("memory", 0)])
def test_what_is_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"`{field}`"):
        StringModelConfig(**{field: value})
