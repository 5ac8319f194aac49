"""The fit finds a linear system that is known, and the prior helps where samples are few."""

import numpy as np
import pytest

from neural_optimizer_search.l2o.dynamics import fit_dynamics, fit_prior, transitions
from neural_optimizer_search.l2o.trajectories import Trajectories

INPUTS, OUTPUTS, STEPS = 6, 2, 3


def samples(runs, noise, seed, matrix, offset):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(runs, STEPS, INPUTS))
    outputs = inputs @ matrix.T + offset + noise * rng.normal(size=(runs, STEPS, OUTPUTS))
    return np.concatenate([inputs, outputs], axis=-1)


@pytest.fixture
def system():
    rng = np.random.default_rng(3)
    return rng.normal(size=(OUTPUTS, INPUTS)), rng.normal(size=OUTPUTS)


def test_a_linear_system_is_recovered(system):
    many = samples(400, 0.1, 0, *system)
    found = fit_dynamics(many, fit_prior(many, seed=0, components=3), OUTPUTS)
    assert found.matrix.shape == (STEPS, OUTPUTS, INPUTS)
    np.testing.assert_allclose(found.matrix, np.broadcast_to(system[0], found.matrix.shape), atol=0.05)
    np.testing.assert_allclose(found.offset, np.broadcast_to(system[1], found.offset.shape), atol=0.05)
    np.testing.assert_allclose(found.noise, np.broadcast_to(0.01 * np.eye(OUTPUTS), found.noise.shape), atol=0.003)


def test_the_prior_helps_where_samples_are_few(system):
    many, few = samples(400, 0.1, 0, *system), samples(4, 0.1, 1, *system)
    found = fit_dynamics(few, fit_prior(many, seed=0, components=1), OUTPUTS)
    alone = [np.linalg.lstsq(few[:, t, :INPUTS], few[:, t, INPUTS:], rcond=None)[0].T for t in range(STEPS)]
    assert np.abs(found.matrix - system[0]).max() < 0.3 < np.abs(np.stack(alone) - system[0]).max()


def test_many_samples_overrule_a_wrong_prior(system):
    wrong = fit_prior(samples(400, 0.1, 0, -system[0], system[1] + 5.0), seed=0, components=1)
    found = fit_dynamics(samples(2000, 0.1, 1, *system), wrong, OUTPUTS)
    np.testing.assert_allclose(found.matrix, np.broadcast_to(system[0], found.matrix.shape), atol=0.05)


def test_transitions():
    """f(x) = x² at 3, 1, 2."""
    iterates = np.array([3.0, 1.0, 2.0]).reshape(1, 1, 3, 1)
    found = transitions(Trajectories(iterates, iterates[..., 0] ** 2, 2 * iterates))
    #                   x, change, gradient, a, change', gradient'
    np.testing.assert_array_equal(found[0, 0], [[3, 0, 6, -2, -8, 2], [1, -8, 2, 1, 3, 4]])


def test_a_prior_of_fewer_transitions_than_gaussians(system):
    few = samples(1, 0.1, 0, *system)
    assert fit_prior(few, seed=0).n_components == STEPS
