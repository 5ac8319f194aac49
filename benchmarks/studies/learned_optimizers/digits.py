"""Logistic regression on pairs of handwritten digits: more dimensions than the paper's functions, and real data."""

import functools
from dataclasses import dataclass

import numpy as np

from neural_optimizer_search.objectives import LogisticRegression


@dataclass(frozen=True)
class DigitRegression(LogisticRegression):
    """Tells one digit from another: the objective of `LogisticRegression` on scikit-learn's images of 8x8 pixels.

    Each function has two digits and some of their images, all drawn at random. An image is given by its first
    principal components, divided by their common standard deviation, so that their variances differ as in the data.
    All functions draw from the same images, so a held-out function has images that others have, too.

    Args:
      features: Number of principal components.
      instances: Number of images, even.
      regularization: λ.

    Example:
      >>> from benchmarks.studies.learned_optimizers.digits import DigitRegression
      >>> DigitRegression(features=9).sample(count=2, seed=0).dimension
      10
    """

    features: int = 9

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draws the images of one function, and which of its two digits each of them is."""
        inputs, digits = _load(self.features)
        half = self.instances // 2
        pair = rng.choice(10, 2, replace=False)
        chosen = [rng.choice(np.flatnonzero(digits == digit), half, replace=False) for digit in pair]
        return inputs[np.concatenate(chosen)], np.repeat([0.0, 1.0], half)


TEN, THIRTY = DigitRegression(9), DigitRegression(29)
# Name in this study -> name for `nos-learn`; the numbers are the dimensions of an iterate.
NAMES = {"digits_10": f"{__name__}:TEN", "digits_30": f"{__name__}:THIRTY"}


@functools.cache
def _load(features):
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    images, digits = load_digits(return_X_y=True)
    components = PCA(features, random_state=0).fit_transform(images)
    return components / components.std(), digits
