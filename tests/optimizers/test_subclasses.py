"""Classes of a user that change PowerSign or AddSign: what they override is what is computed."""

import numpy as np
import pytest
from backends import array, compiled, keras, tensor, variable
from contracts.rows import GRADIENTS, path, slots

from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.optimizers import AddSign, PowerSign, RuleOptimizer

BOTH = pytest.mark.parametrize("parent", [PowerSign, AddSign])


def subclass(parent, **overrides):
    return type("Mine", (parent,), overrides)


@BOTH
def test_a_direction(parent):
    standing = subclass(parent, update_direction=lambda self, step: 0.0 * step.g)
    assert np.all(path(standing(0.1)) == path(standing(0.1))[0])
    np.testing.assert_allclose(
        path(subclass(parent, update_direction=lambda self, step: step.g)(0.1)),
        path(RuleOptimizer("g", 0.1)),
        rtol=1e-6,
    )


@BOTH
def test_a_direction_in_a_compiled_step(parent):
    w = variable(1.0)
    compiled(subclass(parent, update_direction=lambda self, step: 0.0 * step.g)(0.1), [w])([tensor(1.0)])
    assert array(w) == 1.0


@BOTH
def test_a_direction_that_calls_the_parent_s(parent):
    def halved(self, step):
        return parent.update_direction(self, step) / 2

    np.testing.assert_allclose(path(subclass(parent, update_direction=halved)(0.25)), path(parent(0.125)), rtol=1e-6)


@BOTH
def test_a_factor(parent):
    standing = subclass(parent, factor=lambda self, agreement: 0.0 * agreement)
    assert np.all(path(standing(0.1)) == path(standing(0.1))[0])


@BOTH
def test_an_internal_decay(parent):
    # Without it the factor is 1, and with its opposite not what it was.
    expected = path(RuleOptimizer("g", 0.125))
    weights = path(subclass(parent, f=lambda self, step: 0.0)(0.125))
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    flipped = path(subclass(parent, f=lambda self, step: -1.0)(0.125))
    assert not np.allclose(flipped, path(parent(0.125)))


@BOTH
def test_constants(parent):
    """With β = 0 the average is the gradient, and the signs agree."""

    class Mine(parent):
        @property
        def constants(self):
            return Constants(beta_1=0.0)

    np.testing.assert_allclose(path(Mine(0.125)), path(parent(0.125, beta=0.0)), rtol=1e-6)


@BOTH
def test_one_more_average(parent):
    class Mine(parent):
        @property
        def averages(self):
            return (*super().averages, "v")

        def update_direction(self, step):
            return super().update_direction(step) + 0.0 * step.averages["v"]

    optimizer = Mine(0.125)
    np.testing.assert_allclose(path(optimizer), path(parent(0.125)), rtol=1e-6)
    assert len(slots(optimizer)) == 2
    observed = 0.0
    for g in GRADIENTS:
        observed = 0.999 * observed + 0.001 * g**2
    np.testing.assert_allclose(slots(optimizer)[1], observed, rtol=1e-4)


def test_what_an_average_needs_is_kept_too():
    class Mine(RuleOptimizer):
        averages = ("change_0.5", "belief")

        def update_direction(self, step):
            return step.kept("change_0.5") + 0.0 * step.kept("belief")

    optimizer = Mine("g", 1.0)
    weights = path(optimizer, [[1.0], [3.0], [2.0]], variable([0.0]))
    # The average of 0, 2 and -1.
    np.testing.assert_allclose(np.diff(weights[:, 0], prepend=0.0), [0.0, -1.0, 0.0])
    m, belief, _, previous = slots(optimizer)
    np.testing.assert_allclose([m, previous], [[0.551], [2.0]], rtol=1e-6)
    assert belief > 0.0


@BOTH
def test_what_overrides_nothing_is_the_parent(parent):
    optimizer = subclass(parent)(0.125, weight_decay=0.1)
    np.testing.assert_array_equal(path(optimizer), path(parent(0.125, weight_decay=0.1)))
    assert optimizer.name == "Mine"


@BOTH
def test_in_fit(parent):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(subclass(parent, update_direction=lambda self, step: 0.0 * step.g)(0.1), "mse")
    before = model.get_weights()
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    for ours, old in zip(model.get_weights(), before):
        np.testing.assert_array_equal(ours, old)
