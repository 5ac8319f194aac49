"""The regulator against brute force on a small system, written here with full matrices."""

import numpy as np
import pytest
from scipy.optimize import minimize

from neural_optimizer_search.l2o import lqg as module
from neural_optimizer_search.l2o.lqg import (
    Cost,
    Dynamics,
    LinearController,
    UnstableModel,
    divergence,
    solve,
    solve_constrained,
)

D, Q, H, T = 2, 3, 3, 4
N = D + Q * H


def covariance(rng, size, scale):
    factor = rng.normal(size=(size, size))
    return scale * (factor @ factor.T + np.eye(size))


@pytest.fixture
def system():
    rng = np.random.default_rng(0)
    dynamics = Dynamics(
        0.3 * rng.normal(size=(T, Q, D + Q + D)),
        0.1 * rng.normal(size=(T, Q)),
        np.stack([covariance(rng, Q, 0.01) for _ in range(T)]),
    )
    cost = Cost(np.stack([covariance(rng, D, 1.0) for _ in range(T)]), rng.normal(size=(T, D)))
    previous = LinearController(
        0.2 * rng.normal(size=(T, D, N)),
        0.2 * rng.normal(size=(T, D)),
        np.stack([covariance(rng, D, 0.05) for _ in range(T)]),
    )
    return dynamics, cost, previous, rng.normal(size=N)


def full(dynamics, t):
    """s' = A s + B a + c with nothing left out."""
    a, b, c = np.zeros([N, N]), np.zeros([N, D]), np.zeros(N)
    a[:D, :D], b[:D] = np.eye(D), np.eye(D)
    a[D : D + Q, : D + Q] = dynamics.matrix[t][:, : D + Q]
    b[D : D + Q], c[D : D + Q] = dynamics.matrix[t][:, D + Q :], dynamics.offset[t]
    a[D + Q :, D : N - Q] = np.eye(N - D - Q)
    return a, b, c


def expected(system, controller):
    """(Σ E[cost], Σ E[KL(controller ‖ previous)])."""
    dynamics, cost, previous, mean = system
    spread, total, nats = np.zeros([N, N]), 0.0, 0.0
    for t in range(T):
        a, b, c = full(dynamics, t)
        gain, offset, own = controller.gain[t], controller.offset[t], controller.covariance[t]
        precision = np.linalg.inv(previous.covariance[t])
        away = (gain - previous.gain[t]) @ mean + offset - previous.offset[t]
        other = gain - previous.gain[t]
        nats += 0.5 * (np.trace(precision @ (own + other @ spread @ other.T)) + away @ precision @ away - D)
        nats += 0.5 * np.log(np.linalg.det(previous.covariance[t]) / np.linalg.det(own))
        closed = a + b @ gain
        mean, spread = closed @ mean + b @ offset + c, closed @ spread @ closed.T + b @ own @ b.T
        spread[D : D + Q, D : D + Q] += dynamics.noise[t]
        x = mean[:D]
        total += 0.5 * (x @ cost.hessian[t] @ x + np.trace(cost.hessian[t] @ spread[:D, :D])) + cost.slope[t] @ x
    return total, nats


def test_the_divergence_is_that_of_full_matrices(system):
    dynamics, cost, previous, start = system
    found = solve(dynamics, cost, previous, 0.7)
    assert divergence(dynamics, start, found, previous) == pytest.approx(expected(system, found)[1], rel=1e-10)
    assert divergence(dynamics, start, previous, previous) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_no_other_controller_is_better(system, weight):
    dynamics, cost, previous, _ = system
    found = solve(dynamics, cost, previous, weight)

    def total(controller):
        value, nats = expected(system, controller)
        return value + weight * nats

    least, rng = total(found), np.random.default_rng(1)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(30):
            other = LinearController(
                found.gain + size * rng.normal(size=found.gain.shape),
                found.offset + size * rng.normal(size=found.offset.shape),
                found.covariance * np.exp(size * rng.normal()),
            )
            assert total(other) > least


def test_brute_force_finds_the_same_steps(system):
    """Without noise in the system and with a stiff previous covariance the means are a plain quadratic problem."""
    dynamics, cost, previous, start = system
    dynamics = dynamics._replace(noise=np.zeros_like(dynamics.noise))
    previous = previous._replace(covariance=np.broadcast_to(np.eye(D), [T, D, D]))
    weight = 0.5

    def total(actions):
        s, value = start, 0.0
        for t, action in enumerate(actions.reshape(T, D)):
            away = action - previous.gain[t] @ s - previous.offset[t]
            a, b, c = full(dynamics, t)
            s = a @ s + b @ action + c
            value += weight / 2 * away @ away + 0.5 * s[:D] @ cost.hessian[t] @ s[:D] + cost.slope[t] @ s[:D]
        return value

    best = minimize(total, np.zeros(T * D), tol=1e-10).x.reshape(T, D)
    found, s = solve(dynamics, cost, previous, weight), start
    for t in range(T):
        action = found.gain[t] @ s + found.offset[t]
        np.testing.assert_allclose(action, best[t], atol=1e-4)
        a, b, c = full(dynamics, t)
        s = a @ s + b @ action + c


@pytest.mark.parametrize("bound", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("guess", [1e-4, 1.0, 1e4])
def test_the_bound_holds_and_is_used(system, bound, guess):
    dynamics, cost, previous, start = system
    found, weight = solve_constrained(dynamics, cost, start, previous, bound, guess)
    value, nats = expected(system, found)
    assert 0.85 * bound < nats <= bound
    assert value < expected(system, previous)[0]
    np.testing.assert_allclose(found.gain, solve(dynamics, cost, previous, weight).gain)


def test_a_wide_bound_leaves_the_cost_alone(system):
    dynamics, cost, previous, start = system
    found, weight = solve_constrained(dynamics, cost, start, previous, 1e6)
    assert weight < 1e-7
    # One step at a time is best here, so that more freedom gives no less.
    assert expected(system, found)[0] <= expected(system, solve(dynamics, cost, previous, 1e-3))[0]


def test_a_model_that_explodes_is_said(system):
    dynamics, cost, previous, start = system
    with pytest.raises(UnstableModel, match="explode"):
        solve_constrained(dynamics._replace(matrix=1e80 * dynamics.matrix), cost, start, previous, 1.0)


def test_a_divergence_that_jumps_at_the_bracket_is_no_obstacle(monkeypatch):
    bracket = module.BRACKET
    logs = np.linspace(-3.0, 3.0, 10_000)
    guess = np.exp(next(log for log in logs if np.exp(np.log(np.exp(log)) - bracket + bracket) < np.exp(log)))
    monkeypatch.setattr(module, "solve", lambda dynamics, cost, previous, weight: weight)
    edge = np.exp(np.log(guess))
    assert np.exp(np.log(guess) - bracket + bracket) < edge
    monkeypatch.setattr(module, "divergence", lambda _, start, weight, previous: 0.5 if weight >= edge else 2.0)
    weight, dual = solve_constrained(None, None, None, None, bound=1.0, guess=guess)
    assert weight == dual == pytest.approx(guess)
