"""Functions with well-known shapes: their values and gradients, of arrays and of tensors."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.objectives import LANDSCAPES

POINTS = np.random.default_rng(0).uniform(-2.0, 2.0, size=(5, 7, 2))
EVERY = pytest.mark.parametrize("name", LANDSCAPES)


@EVERY
def test_the_minimum_is_zero_and_flat(name):
    landscape = LANDSCAPES[name]
    at = np.array(landscape.minimum)
    assert landscape.value(at) == 0.0 and not landscape.gradient(at).any()
    assert (landscape.value(POINTS) > 0.0).all() and landscape.value(np.array(landscape.start)) > 0.0


@EVERY
def test_tensors_have_the_same_values_and_gradients(name):
    x = tf.constant(POINTS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = LANDSCAPES[name].value(x)
    np.testing.assert_allclose(LANDSCAPES[name].value(POINTS), values, rtol=1e-12)
    np.testing.assert_allclose(LANDSCAPES[name].gradient(POINTS), tape.gradient(values, x), rtol=1e-12, atol=1e-12)
