"""Predicts the reward of a string from those of strings near it: Gaussian process regression on shared tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neural_optimizer_search.arguments import check_fields

# The sums of a score depend on the machine in their last digits, but the order of two equal scores must not.
DIGITS = 9


@dataclass(frozen=True)
class StringModelConfig:
    """The settings of the model.

    Args:
      reach: Two strings that differ in this share of their tokens have a correlation of 1/e.
      noise: Noise variance of a reward, as a share of the variance of all rewards; it includes what tokens cannot
        explain.
      boldness: Number of standard deviations by which a score lies above the expected value.
      memory: Number of strings to consider: the last ones learned from.

    Raises:
      ValueError: If a value is out of range.
    """

    reach: float = 0.3
    noise: float = 0.1
    boldness: float = 0.5
    memory: int = 500

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "reach", "noise", "memory")
        check_fields(self, "at least 0", "boldness")


def score_strings(
    candidates: Sequence[Sequence[int]],
    strings: Sequence[Sequence[int]],
    rewards: Sequence[float],
    config: StringModelConfig = StringModelConfig(),
) -> np.ndarray:
    """How promising strings are: the expected value of each, plus a bonus where little is known.

    Only the order of the rewards matters, because their scale depends on the task.

    Args:
      candidates: Strings, int `[m, length]`.
      strings: The measured strings, int `[n, length]`, n at least 1.
      rewards: Their rewards, float `[n]`.
      config: A `StringModelConfig`.

    Returns:
      Scores, float `[m]`, rounded; the highest is the most promising.

    Example:
      >>> from neural_optimizer_search.search.string_model import score_strings
      >>> near_good, near_bad = score_strings([(0, 0, 1), (5, 5, 4)], [(0, 0, 0), (5, 5, 5)], [0.9, 0.1])
      >>> bool(near_good > near_bad)
      True
    """
    of = np.asarray(strings)[-config.memory :]
    ranks = _rank(np.asarray(rewards)[-config.memory :])
    factor = np.linalg.cholesky(_correlate(of, of, config.reach) + config.noise * np.eye(len(of)))
    # One solution for all right-hand sides serves both the mean and the variance.
    solved = np.linalg.solve(factor, np.column_stack([ranks, _correlate(of, np.asarray(candidates), config.reach)]))
    expected = solved[:, 1:].T @ solved[:, 0]
    variance = np.maximum(1.0 - np.sum(solved[:, 1:] ** 2, axis=0), 0.0)
    return np.round(expected + config.boldness * np.sqrt(variance), DIGITS)


def _correlate(one, other, reach):
    differing = np.mean(one[:, None, :] != other[None, :, :], axis=2)
    return np.exp(-differing / reach)


def _rank(values):
    """Ranks with mean 0 and a standard deviation near 1; equal values get the mean of their ranks."""
    ordered = np.sort(values)
    places = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.sqrt(3.0) * (places / len(values) - 1.0)
