import numpy as np
import pytest

from neural_optimizer_search.l2o.step_policy import StepPolicy, fit, new_policy


def test_the_equation():
    """One unit, one number: step = 3 softplus(2 · (0.5 · 4) + 1) - 1."""
    policy = StepPolicy(*map(np.array, ([0.5, 0.5], [[2.0], [0.0]], [1.0], [[3.0]], [-1.0])))
    assert (policy.dimension, policy.history) == (1, 1)
    assert policy(np.array([4.0, 7.0])).item() == pytest.approx(3 * np.log(1 + np.exp(5.0)) - 1)


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
    policy = fit(new_policy(seen, 2, seed=0, history=2), seen, steps, precisions, updates=3000, seed=0)
    other = rng.normal(size=(500, 6))
    away = policy(seen) - steps
    assert np.sqrt(np.mean(away**2)) < 0.05 * steps.std()
    assert np.isfinite(policy(other)).all()


def test_the_distance_is_mahalanobis():
    """Two targets that exclude each other: the fit is their mean weighted by the precisions."""
    seen = np.zeros([2, 6])
    steps = np.array([[0.0, 0.0], [1.0, 2.0]])
    precisions = np.array([[[2.0, 1.0], [1.0, 2.0]], [[1.0, 0.0], [0.0, 3.0]]])
    expected = np.linalg.solve(precisions.sum(axis=0), precisions[1] @ steps[1])
    policy = fit(new_policy(np.ones([2, 6]), 2, seed=0, history=2), seen, steps, precisions, updates=1000, seed=0)
    np.testing.assert_allclose(policy(seen[0]), expected, atol=5e-3)
