"""Statistics of outcomes: probabilities of improvement, steps to a level, interquartile means, performance profiles.

Source of all but the ratio of steps: Agarwal et al. (2021), Deep Reinforcement Learning at the Edge of the
Statistical Precipice, arXiv:2108.13264.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

RESAMPLES = 2000


def find_improvement(own: Sequence[float], other: Sequence[float]) -> float:
    """The probability that a training of one kind ends better than one of another: Mann and Whitney's U / (n · m).

    Example:
      >>> from benchmarks.studies.own_models.statistics import find_improvement
      >>> find_improvement([0.5, 0.7], [0.4, 0.6]), find_improvement([0.5], [0.5])
      (0.75, 0.5)
    """
    return float(stats.mannwhitneyu(own, other).statistic) / (len(own) * len(other))


def find_step_ratio(own: Sequence[float], other: Sequence[float]) -> float:
    """The ratio of the steps in which the other first reaches a level to those of `own`.

    The level is the lower of their last values. The curves are interpolated linearly between validations, from 0 at
    the start.

    Args:
      own, other: Scores at equally spaced validations, the last ones at the end of the training.

    Example:
      >>> from benchmarks.studies.own_models.statistics import find_step_ratio
      >>> find_step_ratio([0.5, 0.6], [0.25, 0.5]), find_step_ratio([0.25, 0.5], [0.5, 0.6])
      (2.0, 0.5)
    """
    level = min(own[-1], other[-1])
    return _find_step(other, level) / _find_step(own, level)


def _find_step(curve, level):
    """The point at which a curve first reaches a level, in validations."""
    if level <= 0.0:  # one of the curves never rose
        return 1.0 if curve[-1] > 0.0 else float(len(curve))
    values = [0.0, *curve]
    after = next(i for i, value in enumerate(values) if value >= level)
    before = values[after - 1]
    return after - 1 + (level - before) / (values[after] - before)


def interquartile_mean(values: Any) -> float:
    """The mean of the middle half."""
    return float(stats.trim_mean(np.ravel(values), 0.25))


def bootstrap_tasks(scores: Mapping[str, Sequence[float]], rng: np.random.Generator) -> tuple[float, float, float]:
    """The interquartile mean over tasks and runs, and its 95 % interval by resampling the runs within each task.

    With few runs per task the interval is too narrow; with three, by about a fifth.

    Args:
      scores: Task -> a score for each run.
      rng: Generator of the resampling.
    """

    def resample():
        return np.concatenate([rng.choice(runs, len(runs)) for runs in scores.values()])

    means = [interquartile_mean(resample()) for _ in range(RESAMPLES)]
    whole = interquartile_mean(np.concatenate(list(map(np.asarray, scores.values()))))
    return whole, *map(float, np.quantile(means, (0.025, 0.975)))


def find_profile(scores: Sequence[float], levels: np.ndarray) -> np.ndarray:
    """The share of runs that are at least as good as each level."""
    return np.mean(np.asarray(scores)[:, None] >= levels, axis=0)
