"""What several seeds tell of a mean: against SciPy's, numbers worked out by hand, and draws of equal rules."""

import math

import numpy as np
import pytest

from neural_optimizer_search.search.intervals import find_interval, find_probability
from neural_optimizer_search.search.verdict import correct, least_probability

stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("count", [2, 3, 10, 50])
def test_both_are_those_of_scipy(count):
    values = np.random.default_rng(count).normal(0.01, 0.02, count)
    mean, half = find_interval(values)
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose([mean - half, mean + half], [low, high])
    # One minus the p-value of the one-sided test.
    above = 1.0 - stats.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assert find_probability(values) == pytest.approx(above)


def test_by_hand():
    # t with two degrees of freedom: quantile 0.975 is 4.3027, and T(x) = 1/2 + x / (2 sqrt(2 + x^2)).
    mean, half = find_interval([0.5, 0.6, 0.7])
    assert mean == pytest.approx(0.6) and half == pytest.approx(4.3027 * 0.1 / math.sqrt(3), rel=1e-4)
    x = 1.0 * math.sqrt(3) / 1.0  # of 0, 1, 2
    assert find_probability([0.0, 1.0, 2.0]) == pytest.approx(0.5 + x / (2 * math.sqrt(2 + x * x)))
    # With one degree of freedom, T(x) = 1/2 + atan(x) / pi, here of 1 / (sqrt(2) / sqrt(2)).
    assert find_probability([0.0, 2.0]) == pytest.approx(0.75)


def test_few_seeds_and_ties():
    assert find_interval([0.7]) == (0.7, None)
    assert find_probability([]) is find_probability([0.3]) is None
    assert find_probability([0.0, 0.0, 0.0]) == 0.5
    assert find_probability([0.1, 0.1, 0.1]) == 1.0 and find_probability([-0.1, -0.1, -0.1]) == 0.0
    assert find_probability([0.1, 0.1]) is find_probability([-0.1, -0.1]) is None  # likely by luck, as of accuracies
    assert find_probability([-0.1, 0.1]) == 0.5


@pytest.mark.parametrize("count", [2, 10])
def test_of_equal_rules_it_is_right_as_often_as_it_says(count):
    draws = np.random.default_rng(0).normal(size=(4000, count))
    probabilities = np.array([find_probability(row) for row in draws])
    assert np.mean(probabilities) == pytest.approx(0.5, abs=0.02)
    for level in (0.5, 0.9, 0.95):
        assert np.mean(probabilities > level) == pytest.approx(1.0 - level, abs=0.02)


def test_of_ten_equal_rules_the_best_seldom_counts_as_better():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(400):
        reference = rng.normal(size=10)
        best = max(find_probability(rng.normal(size=10) - reference) for _ in range(10))
        wrong += correct(best, 10) >= 0.95
    assert 0 < wrong / 400 <= 0.05
    assert correct(least_probability(10), 10) == pytest.approx(0.95)
    assert least_probability(10) == pytest.approx(0.995) and correct(0.5, 10) == 0.0
