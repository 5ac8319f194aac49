"""Statistics of rewards over several seeds: the interval of a mean, and the probability that it exceeds another.

Both assume that rewards, or their differences, are normally distributed with unknown parameters.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

CONFIDENCE = 0.95
NEAR = 0.9
ROUNDING = 1e-9  # differences of rewards that are as close as this are equal: 0.7 - 0.6 is not quite 0.8 - 0.7


class Interval(NamedTuple):
    """A mean, and the half-width of its interval; None if there is only one value."""

    mean: float
    half: Optional[float]


def find_interval(rewards: Sequence[float]) -> Interval:
    """The mean of rewards with its t-interval; the share `CONFIDENCE` of such intervals contains the true mean.

        mean ± t · s / √n

    where s is the standard deviation with n - 1 degrees of freedom, and t the quantile (1 + CONFIDENCE) / 2 of
    Student's distribution with as many degrees of freedom.

    Args:
      rewards: At least one.

    Example:
      >>> from neural_optimizer_search.search.intervals import find_interval
      >>> interval = find_interval([0.5, 0.6, 0.7])
      >>> f"{interval.mean:.4f} ± {interval.half:.4f}"
      '0.6000 ± 0.2484'
    """
    from scipy import special

    mean, error = _describe(rewards)
    if len(rewards) == 1:
        return Interval(mean, None)
    return Interval(mean, float(special.stdtrit(len(rewards) - 1, (1 + CONFIDENCE) / 2)) * error)


def format_interval(interval: Interval, sign: str = "") -> str:
    """A mean with the half-width of its interval as text; the mean alone if it is of one value.

    Args:
      interval: From `find_interval`.
      sign: "+" to write the sign of a positive mean.

    Example:
      >>> from neural_optimizer_search.search.intervals import find_interval, format_interval
      >>> format_interval(find_interval([0.5, 0.6, 0.7])), format_interval(find_interval([0.5]), "+")
      ('0.6000 ± 0.2484', '+0.5000')
    """
    half = "" if interval.half is None else f" ± {interval.half:.4f}"
    return f"{interval.mean:{sign}.4f}{half}"


def find_probability(differences: Sequence[float]) -> Optional[float]:
    """The probability that the mean difference is above 0, given differences seed by seed.

        P(μ > 0) = T(d · √n / s)

    where d is the mean of the differences, s their standard deviation with n - 1 degrees of freedom, and T Student's
    distribution function with as many degrees of freedom. This is the posterior of μ under a flat prior on μ and
    log σ.

    Args:
      differences: Differences between the rewards of two rules with the same seeds.

    Returns:
      A number in [0, 1]; 0.5 if all differences are 0; None for fewer than two, and for two equal ones that are not
      0, which are common where a reward takes few values, such as an accuracy on a hundred examples.

    Example:
      >>> from neural_optimizer_search.search.intervals import find_probability
      >>> round(find_probability([0.01, 0.03, 0.02, -0.01]), 2)
      0.88

    Source: Gelman et al., Bayesian Data Analysis, third edition, section 3.2.
    """
    from scipy import special

    if len(differences) < 2:
        return None
    mean, error = _describe(differences)
    if np.ptp(differences) <= ROUNDING:
        sign = 0.0 if abs(mean) <= ROUNDING else float(np.sign(mean))
        return None if sign and len(differences) == 2 else 0.5 + 0.5 * sign
    return float(special.stdtr(len(differences) - 1, mean / error))


def say_probability(probability: float) -> str:
    """Formats a probability; one that would be rounded to 0 or 1 is written as a bound.

    From `NEAR` on, it has three digits, because the best of ten rules needs 0.995.

    Args:
      probability: In [0, 1].

    Example:
      >>> from neural_optimizer_search.search.intervals import say_probability
      >>> say_probability(0.312), say_probability(0.9967), say_probability(0.9999), say_probability(1e-6)
      ('0.31', '0.997', '> 0.999', '< 0.01')
    """
    if probability < 0.005:
        return "< 0.01"
    return "> 0.999" if probability > 0.9995 else f"{probability:.{3 if probability >= NEAR else 2}f}"


def _describe(values):
    """The mean and its standard error."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return float(np.mean(values)), spread / math.sqrt(len(values))
