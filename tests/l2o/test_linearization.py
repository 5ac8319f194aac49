"""The linearized dynamics and policy that guided policy search plans with."""

import numpy as np
import pytest

from neural_optimizer_search.l2o.linearization import linearize, observation_matrix, shift_states
from neural_optimizer_search.l2o.momentum import momentum_policy
from neural_optimizer_search.l2o.step_policy import new_policy
from neural_optimizer_search.l2o.trajectories import observe_all, run, starts
from neural_optimizer_search.objectives import FAMILIES

HISTORY, STEPS = 5, 9


@pytest.fixture
def trajectories():
    objectives = FAMILIES["logistic"].sample(3, 0)
    return run(objectives, momentum_policy(1.0, 0.5, HISTORY), starts(3, 2, 4, 0), STEPS, history=HISTORY)


def test_states_shift(trajectories):
    states = shift_states(trajectories, HISTORY)
    assert states.shape == (3, 2, STEPS, 4 + HISTORY * 5)
    np.testing.assert_array_equal(states[:, :, 1:, 9:], states[:, :, :-1, 4:-5])
    np.testing.assert_allclose(states[:, :, 1:, :4], states[:, :, :-1, :4] + trajectories.steps[:, :, :-1])
    np.testing.assert_array_equal(states[:, :, 0, 9:], 0.0)


def test_what_is_seen_is_linear_in_the_state(trajectories):
    states, seen = shift_states(trajectories, HISTORY), observe_all(trajectories, HISTORY)
    for t in range(STEPS):
        np.testing.assert_allclose(states[:, :, t] @ observation_matrix(t, 4, HISTORY).T, seen[:, :, t], atol=1e-12)


def test_the_linearized_policy_touches_the_policy(trajectories):
    states, seen = shift_states(trajectories, HISTORY)[0, 0], observe_all(trajectories, HISTORY)[0, 0]
    policy = new_policy(seen, dimension=4, seed=0, history=HISTORY, hidden=7)
    found = linearize(policy, seen, np.full(STEPS, 0.5))
    np.testing.assert_allclose(np.einsum("tdn,tn->td", found.gain, states) + found.offset, policy(seen), atol=1e-10)
    np.testing.assert_array_equal(found.covariance, np.broadcast_to(0.25 * np.eye(4), found.covariance.shape))
    direction, size = np.random.default_rng(0).normal(size=seen.shape), 1e-6
    slope = (policy(seen + size * direction) - policy(seen - size * direction)) / (2 * size)
    np.testing.assert_allclose(np.einsum("tdo,to->td", policy.jacobian(seen), direction), slope, atol=1e-6)
