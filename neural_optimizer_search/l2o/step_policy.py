"""The policy: one hidden layer of 50 softplus units between the observation and the step (Li & Malik, section 5)."""

from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from neural_optimizer_search.l2o.momentum import limit_steps

HIDDEN = 50
LINEAR = 3.0  # inputs below this multiple of the usual size are hardly compressed


class StepPolicy(NamedTuple):
    """step = W₂ (softplus(W₁ s + b₁) - softplus(b₁)), s = LINEAR · arsinh(scale · seen / LINEAR).

    This is the mean of the policy; its covariance is fixed. It differs in two ways from the paper, where the step is
    W₂ softplus(W₁ seen + b₁) + b₂. First, the step is 0 if the input is 0 (no gradient and no change): with a free
    b₂, small steps would continue forever. Second, large inputs are compressed: without this, policies diverged for
    good on the few functions that are much steeper than the rest.

    Attributes:
      scale: `[H + H d]`, one number for all changes and one for all gradients; None if the network's input is the
        observation itself.
      first, first_bias: W₁ transposed `[H + H d, 50]`, b₁ `[50]`.
      second: W₂ transposed `[50, d]`.
      second_bias: b₂ `[d]`; None for -W₂ softplus(b₁).
      limit: (multiple, rate, decay): a step is at most this multiple of the step of momentum with this rate and
        decay; None for no limit. Calling the policy applies the limit; the Jacobian is that of the network alone.
    """

    scale: Optional[np.ndarray]
    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: Optional[np.ndarray] = None
    limit: Optional[np.ndarray] = None

    @property
    def dimension(self) -> int:
        """The dimension d of a step."""
        return self.second.shape[1]

    @property
    def history(self) -> int:
        """The number H of past steps that it sees."""
        return len(self.first) // (1 + self.dimension)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that it has, by name."""
        return {name: array for name, array in self._asdict().items() if array is not None}

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """Float `[..., H + H d]` -> steps `[..., d]`."""
        steps = self._predict(seen)
        return steps if self.limit is None else limit_steps(steps, seen, *self.limit)

    def _predict(self, seen):
        hidden = np.logaddexp(0.0, self._before(seen))
        if self.second_bias is None:
            return (hidden - np.logaddexp(0.0, self.first_bias)) @ self.second
        return hidden @ self.second + self.second_bias

    def jacobian(self, seen: np.ndarray) -> np.ndarray:
        """d step / d seen: `[..., H + H d]` -> `[..., d, H + H d]`."""
        active = 1.0 / (1.0 + np.exp(-self._before(seen)))
        slope = np.ones_like(seen)
        if self.scale is not None:
            slope = self.scale / np.sqrt(1.0 + (self.scale * seen / LINEAR) ** 2)
        return np.einsum("...h,hd,oh,...o->...do", active, self.second, self.first, slope, optimize=True)

    def compress(self, seen: np.ndarray) -> np.ndarray:
        """The network's input."""
        return seen if self.scale is None else LINEAR * np.arcsinh(self.scale * seen / LINEAR)

    def _before(self, seen):
        return self.compress(seen) @ self.first + self.first_bias


def policy_shapes(
    dimension: int,
    history: int,
    hidden: int = HIDDEN,
    compressed: bool = True,
    output_bias: bool = False,
    limited: bool = False,
) -> dict[str, tuple[int, ...]]:
    """The shapes of a `StepPolicy`'s arrays, by name.

    Args:
      dimension: d.
      history: H.
      hidden: Number of units of the hidden layer.
      compressed: Whether it has a scale.
      output_bias: Whether it has a b₂.
      limited: Whether it has a limit.
    """
    seen = history * (1 + dimension)
    shapes: dict[str, tuple[int, ...]] = dict(scale=(seen,)) if compressed else {}
    shapes.update(first=(seen, hidden), first_bias=(hidden,), second=(hidden, dimension))
    if output_bias:
        shapes["second_bias"] = (dimension,)
    if limited:
        shapes["limit"] = (3,)
    return shapes


def new_policy(
    seen: np.ndarray,
    dimension: int,
    seed: Union[int, Sequence[int]],
    history: int,
    hidden: int = HIDDEN,
    compressed: bool = True,
    output_bias: bool = False,
) -> StepPolicy:
    """A policy with random weights; its scales, if it has any, give typical inputs a mean square of 1.

    Args:
      seen: Float `[..., H + H d]`, typical observations.
      dimension: d.
      seed: An int or a sequence of ints.
      history, hidden, compressed, output_bias: See `policy_shapes`.
    """
    rng = np.random.default_rng(seed)
    sizes = (seen.shape[-1], hidden, dimension)
    weights = [rng.normal(size=size) / np.sqrt(size[0]) for size in zip(sizes, sizes[1:])]
    bias = np.zeros(dimension) if output_bias else None
    return StepPolicy(
        _find_scale(seen, dimension, history) if compressed else None, weights[0], np.zeros(hidden), weights[1], bias
    )


def _find_scale(seen, dimension, history):
    changes, gradients = (1.0 / np.sqrt(np.mean(part**2)) for part in np.split(seen, [history], axis=-1))
    return np.repeat([changes, gradients], [history, history * dimension])


def fit(
    policy: StepPolicy,
    seen: np.ndarray,
    steps: np.ndarray,
    precisions: np.ndarray,
    which: np.ndarray,
    updates: int,
    seed: int,
    learning_rate: float = 3e-3,
    batch_size: int = 500,
) -> StepPolicy:
    """Fits the policy's weights: minimizes the mean of (π(seen) - step)ᵀ precision (π(seen) - step) with Adam.

    Args:
      policy: The initial `StepPolicy`.
      seen: Observations, float `[N, H + H d]`.
      steps: Float `[N, d]`, the means of the target's actions.
      precisions: Float `[M, d, d]`, the inverse covariances of the targets.
      which: Int `[N]`, the place of each step's inverse covariance among them.
      updates: Number of updates of the weights; the learning rate falls to 0 along a cosine.
      seed: Seed of the random minibatches, an int.

    Returns:
      A `StepPolicy`.
    """
    dimension = policy.dimension
    model = _make_network(policy)

    def mahalanobis(target, predicted):
        step, precision = target[:, :dimension], tf.reshape(target[:, dimension:], [-1, dimension, dimension])
        away = predicted - step
        return tf.einsum("bi,bij,bj->b", away, precision, away)

    rate = tf.keras.optimizers.schedules.CosineDecay(learning_rate, updates)
    optimizer = tf.keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)  # else Keras 2 traces the steps twice, to make its variables first
    # With few steps per execution, most of the time is Keras's overhead.
    model.compile(optimizer, mahalanobis, steps_per_execution=min(50, updates))
    flat = precisions.reshape(len(precisions), -1)
    inputs, actions, inverses = (tf.constant(array, tf.float32) for array in (policy.compress(seen), steps, flat))
    places = tf.constant(which)

    def batch(step):
        chosen = tf.random.stateless_uniform([batch_size], (seed, step), maxval=len(seen), dtype=tf.int64)
        target = tf.gather(actions, chosen), tf.gather(inverses, tf.gather(places, chosen))
        return tf.gather(inputs, chosen), tf.concat(target, axis=-1)

    model.fit(tf.data.Dataset.range(updates).map(batch), shuffle=False, verbose=0)
    return StepPolicy(policy.scale, *(weight.astype(np.float64) for weight in model.get_weights()))


def _make_network(policy):
    """The policy after its compression, as a Keras model."""
    has_bias = policy.second_bias is not None
    hidden = tf.keras.layers.Dense(len(policy.first_bias), "softplus")
    output = tf.keras.layers.Dense(policy.dimension, use_bias=has_bias)
    given = tf.keras.Input([len(policy.first)])
    model = tf.keras.Model(given, output(hidden(given) if has_bias else hidden(given) - hidden(0.0 * given)))
    model.set_weights([*policy[1:4], *([policy.second_bias] if has_bias else [])])
    return model
