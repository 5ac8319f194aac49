"""Means and medians with bootstrap intervals, of many values.

The intervals are quantiles of resampled means or medians. For two or three values, these are simply the smallest and
the largest value, and for four or five, the interval is still much too narrow to contain the truth in 95 % of all
cases. Studies therefore give the t-interval of a few searches, from `search.intervals`.
"""

from typing import Any

import numpy as np

RESAMPLES = 2000


def mean_interval(values: Any, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """The mean over the first axis, and its 95 % bootstrap interval."""
    values = np.asarray(values)
    means = np.array([rng.choice(values, len(values)).mean(axis=0) for _ in range(RESAMPLES)])
    return values.mean(axis=0), *np.quantile(means, (0.025, 0.975), axis=0)


def median_interval(values: Any, rng: np.random.Generator) -> tuple[float, float, float]:
    """The median and its 95 % bootstrap interval, of numbers that may be infinite."""
    values = np.asarray(values)
    medians = [_median(rng.choice(values, len(values))) for _ in range(RESAMPLES)]
    return _median(values), *map(float, np.quantile(medians, (0.025, 0.975), method="nearest"))


def _median(values):
    low, high = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
    return float((low + high) / 2)  # infinite if one of them is
