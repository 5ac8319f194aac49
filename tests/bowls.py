"""Families of functions of two numbers, small enough to learn in seconds."""

import tensorflow as tf

from neural_optimizer_search.l2o.guided_policy_search import GuidedPolicySearchConfig
from neural_optimizer_search.objectives import Family


class Bowls(Family):
    """½ Σᵢ aᵢ (xᵢ - cᵢ)²."""

    dimension = 2

    def draw(self, rng):
        return rng.uniform(0.5, 2.0, size=2), rng.normal(size=2)

    def values(self, data, x):
        curvatures, centers = data
        return 0.5 * tf.reduce_sum(curvatures[:, None] * (x - centers[:, None]) ** 2, axis=-1)


class SteepBowls(Bowls):
    """A hundred times as high, so that every rate of momentum is too large."""

    def values(self, data, x):
        return 100.0 * super().values(data, x)


class RoundBowls(Family):
    """‖x - m‖²."""

    dimension = 2

    def draw(self, rng):
        return (rng.normal(size=2),)

    def values(self, data, x):
        return tf.reduce_sum((x - data[0][:, None]) ** 2, axis=-1)


BOWLS, STEEP = Bowls(), SteepBowls()
TINY = GuidedPolicySearchConfig(
    functions=8, runs=6, horizon=8, history=4, iterations=2, updates=1500, validation=10, validation_steps=12
)
