"""Families of objective functions that optimizers are learned for (Li & Malik 2017, sections 6.1-6.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from neural_optimizer_search.objectives.family import Family


def _draw_gaussian(rng, features, instances):
    """Draws from a Gaussian with a mean μ ~ N(0, I) and a covariance A Aᵀ, A standard normal too.

    The paper only calls them random. With these, as in its figures, fixed-step conjugate gradient falls behind and
    L-BFGS ends slightly lower than momentum; with A Aᵀ / d, both end below momentum.
    """
    factor = rng.normal(size=(features, features))
    return rng.normal(size=features) + rng.normal(size=(instances, features)) @ factor.T


def _affine(weights, bias, inputs):
    """w·x + b: weights `[F, S, d]`, bias `[F, S]`, inputs `[F, n, d]` -> `[F, S, n]`."""
    return tf.matmul(weights, inputs, transpose_b=True) + bias[..., None]


@dataclass(frozen=True)
class LogisticRegression(Family):
    """-1/n Σ [yᵢ log σ(w·xᵢ + b) + (1 - yᵢ) log(1 - σ(w·xᵢ + b))] + λ/2 ‖w‖² (section 6.1); an iterate is (w, b).

    Half of the instances are from one Gaussian with a random mean and covariance, half from another; which one is
    the label. Convex.

    Args:
      features: Number of features d of an instance.
      instances: Number of instances n, even.
      regularization: λ.

    Example:
      >>> LogisticRegression().sample(count=90, seed=0).dimension
      4
    """

    features: int = 3
    instances: int = 100
    regularization: float = 0.0005

    def __post_init__(self) -> None:
        if self.instances < 2 or self.instances % 2:
            raise ValueError(f"Argument `instances` must be an even int >= 2. Received: {self.instances}.")

    @property
    def dimension(self) -> int:
        return self.features + 1

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        half = self.instances // 2
        inputs = np.concatenate([_draw_gaussian(rng, self.features, half) for _ in range(2)])
        return inputs, np.repeat([0.0, 1.0], half)

    def values(self, data: Sequence[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        inputs, labels = data
        weights, bias = x[:, :, : self.features], x[:, :, self.features]
        logits = _affine(weights, bias, inputs)
        labels = tf.broadcast_to(labels[:, None], tf.shape(logits))
        loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(loss, axis=-1) + self.regularization / 2 * tf.reduce_sum(weights**2, axis=-1)


@dataclass(frozen=True)
class RobustRegression(Family):
    """1/n Σ rᵢ² / (c + rᵢ²) with rᵢ = yᵢ - w·xᵢ - b, of Geman and McClure (section 6.2); an iterate is (w, b).

    The instances are from four Gaussians with random means and the identity as covariance; each Gaussian has a random
    vector and a random bias, and its labels are the projections on the vector plus the bias plus noise. Not convex.

    Args:
      features: Number of features d of an instance.
      gaussians: Number of Gaussians.
      instances: Number of instances from each Gaussian.
      scale: c.
      noise: Standard deviation of the labels' noise; the paper does not give it.

    Example:
      >>> RobustRegression().sample(count=120, seed=0).dimension
      4
    """

    features: int = 3
    gaussians: int = 4
    instances: int = 25
    scale: float = 1.0
    noise: float = 0.1

    @property
    def dimension(self) -> int:
        return self.features + 1

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        inputs, labels = [], []
        for _ in range(self.gaussians):
            x = rng.normal(size=self.features) + rng.normal(size=(self.instances, self.features))
            vector, bias = rng.normal(size=self.features), rng.normal()
            inputs.append(x)
            labels.append(x @ vector + bias + self.noise * rng.normal(size=self.instances))
        return np.concatenate(inputs), np.concatenate(labels)

    def values(self, data: Sequence[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        inputs, labels = data
        residuals = labels[:, None] - _affine(x[:, :, : self.features], x[:, :, self.features], inputs)
        return tf.reduce_mean(residuals**2 / (self.scale + residuals**2), axis=-1)


@dataclass(frozen=True)
class TwoLayerClassifier(Family):
    """Cross-entropy of softmax(U max(Wxᵢ + b, 0) + c) + λ/2 ‖W‖² + λ/2 ‖U‖² (section 6.3).

    An iterate is (W, b, U, c). The instances are from Gaussians with random means and covariances; those of one
    Gaussian have the same random label, and not all Gaussians have the same label. Many local optima.

    Args:
      features, hidden, classes: d, h and p.
      gaussians: Number of Gaussians; four in training, more to see whether a policy transfers (appendix 8.1).
      instances: Number of instances from each Gaussian.
      regularization: λ.

    Example:
      >>> TwoLayerClassifier().sample(count=80, seed=0).dimension
      12
    """

    features: int = 2
    hidden: int = 2
    classes: int = 2
    gaussians: int = 4
    instances: int = 25
    regularization: float = 0.0005

    def __post_init__(self) -> None:
        for name in ("classes", "gaussians"):
            if getattr(self, name) < 2:
                raise ValueError(f"Argument `{name}` must be an int >= 2. Received: {getattr(self, name)}.")

    @property
    def _shapes(self):
        return (self.hidden, self.features), (self.hidden,), (self.classes, self.hidden), (self.classes,)

    @property
    def dimension(self) -> int:
        return sum(int(np.prod(shape)) for shape in self._shapes)

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        labels = np.zeros(self.gaussians, int)
        while len(set(labels)) == 1:
            labels = rng.integers(self.classes, size=self.gaussians)
        inputs = [_draw_gaussian(rng, self.features, self.instances) for _ in labels]
        return np.concatenate(inputs), np.eye(self.classes)[np.repeat(labels, self.instances)]

    def values(self, data: Sequence[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        inputs, labels = data
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        first, b, second, c = (
            tf.reshape(part, tf.concat([tf.shape(x)[:2], shape], 0))
            for part, shape in zip(tf.split(x, sizes, axis=-1), self._shapes)
        )
        hidden = tf.nn.relu(tf.einsum("fshd,fnd->fsnh", first, inputs) + b[:, :, None])
        logits = tf.einsum("fsph,fsnh->fsnp", second, hidden) + c[:, :, None]
        labels = tf.broadcast_to(labels[:, None], tf.shape(logits))
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits), axis=-1)
        norms = tf.reduce_sum(first**2, axis=[-2, -1]) + tf.reduce_sum(second**2, axis=[-2, -1])
        return loss + self.regularization / 2 * norms


FAMILIES = {
    "logistic": LogisticRegression(),
    "robust": RobustRegression(),
    "classifier": TwoLayerClassifier(),
    # Two dimensions, so that it can be plotted (section 6.4).
    "logistic_2d": LogisticRegression(features=1),
}
