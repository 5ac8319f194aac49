"""Runs of a policy on objectives: what it sees, the steps that it takes, and their noise."""

import numpy as np
import pytest
from bowls import RoundBowls

from neural_optimizer_search.l2o.trajectories import (
    HISTORY,
    HORIZON,
    Trajectories,
    observe,
    observe_all,
    run,
    starts,
)
from neural_optimizer_search.objectives import FAMILIES

VALUES = np.array([10.0, 7.0, 5.0, 4.0])
GRADIENTS = np.array([[1.0, -1.0], [2.0, -2.0], [3.0, -3.0], [4.0, -4.0]])

BOWLS = RoundBowls().sample(count=3, seed=0)
START = starts(3, 4, 2, seed=1)


def descent(rate, history, dimension):
    return lambda seen: -rate * seen[..., history : history + dimension]


def still(seen):
    return np.zeros([*seen.shape[:2], 2])


@pytest.mark.parametrize(
    ("iterates", "history", "changes", "gradients"),
    [
        (1, 1, [0], [1, -1]),
        (1, 3, [0, 0, 0], [1, -1, 0, 0, 0, 0]),
        (2, 3, [-3, 0, 0], [2, -2, 1, -1, 0, 0]),
        (3, 3, [-2, -5, 0], [3, -3, 2, -2, 1, -1]),
        (4, 3, [-1, -3, -6], [4, -4, 3, -3, 2, -2]),
        (4, 2, [-1, -3], [4, -4, 3, -3]),
        (4, 1, [-1], [4, -4]),
    ],
)
def test_what_a_policy_sees(iterates, history, changes, gradients):
    seen = observe(VALUES[:iterates], GRADIENTS[:iterates], history)
    np.testing.assert_array_equal(seen, [*changes, *gradients])


def test_what_a_policy_sees_of_many_runs():
    scales = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    seen = observe(scales[..., None] * VALUES, scales[..., None, None] * GRADIENTS, history=2)
    np.testing.assert_array_equal(seen, scales[..., None] * [-1, -3, 4, -4, 3, -3])


def test_the_sizes_of_the_paper():
    assert (HISTORY, HORIZON) == (25, 40)
    assert observe(VALUES, GRADIENTS, HISTORY).shape == (25 + 25 * 2,)
    trajectories = run(BOWLS, still, START, HORIZON, HISTORY)
    assert trajectories.iterates.shape == trajectories.gradients.shape == (3, 4, 41, 2)
    assert trajectories.values.shape == (3, 4, 41) and trajectories.steps.shape == (3, 4, 40, 2)


@pytest.mark.parametrize("history", [1, 3, 10])
def test_observations_are_what_the_policy_saw(history):
    saw = []

    def policy(seen):
        saw.append(seen.copy())
        return descent(0.3, history, 2)(seen) + 0.01 * seen[..., :1]

    trajectories = run(BOWLS, policy, START, steps=6, history=history)
    assert len(saw) == 6
    np.testing.assert_array_equal(observe_all(trajectories, history), np.stack(saw, axis=2))


@pytest.mark.parametrize("name", FAMILIES)
def test_gradient_descent_is_a_loop_by_hand(name):
    objectives = FAMILIES[name].sample(count=2, seed=0)
    d = objectives.dimension
    start = starts(2, 3, d, seed=0)
    trajectories = run(objectives, descent(0.5, HISTORY, d), start, steps=5, history=HISTORY)
    for f in range(2):
        for s in range(3):
            x = start[f, s]
            for t in range(6):
                value, gradient = objectives[f : f + 1].values_and_gradients(x[None, None])
                np.testing.assert_allclose(trajectories.iterates[f, s, t], x, rtol=1e-9, atol=1e-12)
                np.testing.assert_allclose(trajectories.values[f, s, t], value[0, 0], rtol=1e-9)
                np.testing.assert_allclose(trajectories.gradients[f, s, t], gradient[0, 0], rtol=1e-9, atol=1e-12)
                x = x - 0.5 * gradient[0, 0]


def test_steps_are_what_the_policy_did():
    step = np.arange(3.0 * 4 * 2).reshape(3, 4, 2)
    trajectories = run(BOWLS, lambda seen: step, START, steps=3, history=HISTORY)
    np.testing.assert_allclose(trajectories.steps, np.stack([step] * 3, axis=2), atol=1e-12)


def test_noise_is_added_to_the_steps():
    noise = np.random.default_rng(0).normal(size=[3, 4, 5, 2])
    trajectories = run(BOWLS, lambda seen: still(seen) + 1.0, START, steps=5, history=HISTORY, noise=noise)
    ends = START[:, :, None] + np.cumsum(1.0 + noise, axis=2)
    np.testing.assert_allclose(trajectories.iterates[:, :, 1:], ends)
    np.testing.assert_array_equal(trajectories.iterates[:, :, 0], START)


def test_the_start_is_left_as_it_was():
    start = START.copy()
    run(BOWLS, descent(0.1, HISTORY, 2), start, steps=2, history=HISTORY)
    np.testing.assert_array_equal(start, START)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [1e100, np.inf, np.nan])
def test_a_run_that_diverges_goes_on_and_leaves_the_others_alone(rate):
    # The first run of each function alone goes wrong.
    rates = np.array([rate, 0.1, 0.1, 0.1])[:, None]

    def policy(seen):
        return -rates * seen[..., HISTORY : HISTORY + 2]

    trajectories = run(BOWLS, policy, START, steps=8, history=HISTORY)
    expected = run(BOWLS, descent(0.1, HISTORY, 2), START, steps=8, history=HISTORY)
    for part, other in zip(trajectories, expected):
        assert np.isfinite(part[:, :, 0]).all()
        assert not np.isfinite(part[:, 0, -1]).any()
        np.testing.assert_array_equal(part[:, 1:], other[:, 1:])
    assert np.isnan(trajectories.values[:, 0, -1]).all()


def test_starts_are_standard_normal_and_the_seed_tells_them():
    points = starts(50, 40, 5, seed=3)
    assert points.shape == (50, 40, 5)
    assert abs(points.mean()) < 0.05 and abs(points.std() - 1) < 0.05
    np.testing.assert_array_equal(starts(50, 40, 5, seed=3), points)
    assert not np.isin(starts(50, 40, 5, seed=4), points).any()


def test_trajectories_are_a_tuple_of_arrays():
    iterates = np.array([[[[1.0, 5.0], [2.0, 3.0], [4.0, 0.0]]]])
    trajectories = Trajectories(iterates, np.zeros([1, 1, 3]), iterates)
    np.testing.assert_array_equal(trajectories.steps, [[[[1.0, -2.0], [2.0, -3.0]]]])
