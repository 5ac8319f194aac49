"""The network that predicts steps: its equation, its Jacobian and its fit."""

import marks
import numpy as np
import pytest

from neural_optimizer_search.l2o.step_policy import StepPolicy, fit, new_policy

pytestmark = pytest.mark.once


def test_the_equation():
    """One unit, one number: step = 3 (softplus(2 · 3 arsinh(0.5 · 4 / 3) + 1) - softplus(1))."""
    policy = StepPolicy(*map(np.array, ([0.5, 0.5], [[2.0], [0.0]], [1.0], [[3.0]])))
    assert (policy.dimension, policy.history) == (1, 1)
    active, inactive = (np.log(1 + np.exp(x)) for x in (6 * np.arcsinh(2 / 3) + 1, 1))
    expected = 3 * (active - inactive)
    assert policy(np.array([4.0, 7.0])).item() == pytest.approx(expected)


def test_the_equation_of_the_paper():
    """step = 3 softplus(2 · 4 + 1) + 5: what is seen goes in as it is, and a bias comes out."""
    policy = StepPolicy(None, *map(np.array, ([[2.0], [0.0]], [1.0], [[3.0]], [5.0])))
    assert policy.history == 1
    assert policy(np.array([4.0, 7.0])).item() == pytest.approx(3 * np.log(1 + np.exp(9)) + 5)


def make_policy(**kind):
    return new_policy(np.random.default_rng(1).normal(size=(100, 6)), dimension=2, seed=3, history=2, **kind)


@pytest.fixture
def policy():
    return make_policy()


PLAIN = dict(compressed=False, output_bias=True)


def test_where_nothing_is_seen_it_stays(policy):
    policy = policy._replace(first_bias=np.random.default_rng(2).normal(size=50))
    np.testing.assert_array_equal(policy(np.zeros(6)), [0.0, 0.0])


@pytest.mark.parametrize("kind", [{}, PLAIN])
def test_the_jacobian_is_that_of_differences(kind):
    policy = make_policy(**kind)
    seen = np.random.default_rng(4).normal(size=6) * [1, 10, 1, 1, 30, 1]
    ways = 1e-6 * np.eye(6)
    differences = [(policy(seen + way) - policy(seen - way)) / 2e-6 for way in ways]
    np.testing.assert_allclose(policy.jacobian(seen), np.transpose(differences), rtol=1e-5, atol=1e-8)


def test_what_is_large_is_compressed(policy):
    seen = np.array([[0.1], [1000.0]]) * np.ones(6)
    small, large = policy._replace(scale=np.ones(6)).compress(seen)
    np.testing.assert_allclose(small, 0.1, rtol=1e-3)
    assert (large < 20).all()


def test_what_is_plain_is_not_compressed():
    seen = np.array([[0.1], [1000.0]]) * np.ones(6)
    np.testing.assert_array_equal(make_policy(compressed=False).compress(seen), seen)


@marks.only_long("It fits two policies.")
def test_only_a_bias_of_the_output_finds_a_step_where_nothing_is_seen():
    seen, steps = np.zeros([4, 6]), np.tile([0.5, -1.0], [4, 1])
    found = [
        fit(make_policy(output_bias=bias), seen, steps, np.eye(2)[None], np.zeros(4, int), updates=1500, seed=0)(
            seen[0]
        )
        for bias in (False, True)
    ]
    np.testing.assert_array_equal(found[0], [0.0, 0.0])
    np.testing.assert_allclose(found[1], steps[0], atol=0.02)


def test_scales_are_one_for_changes_and_one_for_gradients():
    seen = np.random.default_rng(0).normal(size=(1000, 9)) * np.repeat([0.1, 20.0], [3, 6])
    policy = new_policy(seen, dimension=2, seed=0, history=3)
    assert len(set(policy.scale[:3])) == len(set(policy.scale[3:])) == 1
    np.testing.assert_allclose((seen * policy.scale).std(axis=0), 1.0, atol=0.1)


def test_fit_finds_a_linear_policy():
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(2000, 6))
    steps = seen @ rng.normal(size=(6, 2)) * 0.3
    precisions = np.broadcast_to(np.eye(2), [2000, 2, 2])
    policy = fit(
        new_policy(seen, 2, seed=0, history=2), seen, steps, precisions, np.arange(len(steps)), updates=1500, seed=0
    )
    other = rng.normal(size=(500, 6))
    away = policy(seen) - steps
    assert np.sqrt(np.mean(away**2)) < 0.05 * steps.std()
    assert np.isfinite(policy(other)).all()


def test_the_distance_is_mahalanobis():
    """Two targets that exclude each other: the fit is their mean weighted by the precisions."""
    seen = np.ones([2, 6])
    steps = np.array([[0.0, 0.0], [1.0, 2.0]])
    precisions = np.array([[[2.0, 1.0], [1.0, 2.0]], [[1.0, 0.0], [0.0, 3.0]]])
    expected = np.linalg.solve(precisions.sum(axis=0), precisions[1] @ steps[1])
    policy = fit(
        new_policy(np.ones([2, 6]), 2, seed=0, history=2),
        seen,
        steps,
        precisions,
        np.arange(len(steps)),
        updates=1000,
        seed=0,
    )
    np.testing.assert_allclose(policy(seen[0]), expected, atol=5e-3)
