"""Guided policy search: it learns, goes on as if it had not stopped, and says when it cannot."""

import dataclasses

import numpy as np
import pytest
from bowls import BOWLS, STEEP, TINY

from neural_optimizer_search.l2o import guided_policy_search as gps
from neural_optimizer_search.l2o import targets
from neural_optimizer_search.l2o.momentum import momentum_policy, tune_momentum
from neural_optimizer_search.l2o.trajectories import mean_value, run, starts

pytestmark = pytest.mark.usefixtures("graphs_as_traced")
ONCE = pytest.mark.once  # with any Keras a policy is fitted, learns, imitates and is the best so far


@pytest.fixture(scope="module")
def iterations():
    return list(gps.learn(TINY, BOWLS))


def test_it_learns(iterations):
    """From an imitation of momentum to something better, on functions that it was not fitted to."""
    assert [iteration.number for iteration in iterations] == [0, 1, 2]
    first, last = iterations[0], iterations[-1]
    held_out, start = BOWLS.sample(50, [5, 5]), starts(50, 1, 2, [5, 6])
    before, after = (mean_value(run(held_out, policy, start, 8, history=4)) for policy in (first.policy, last.best))
    still = mean_value(run(held_out, lambda seen: np.zeros([50, 1, 2]), start, 8, history=4))
    assert after < before < 0.5 * still


def test_the_first_policy_imitates_momentum(iterations):
    batch = targets.imitate_momentum(TINY, BOWLS.sample(8, [0, gps.TRAINING])).batch
    seen = gps.observe_all(batch.trajectories, 4)
    predicted = iterations[0].policy(seen)
    assert np.corrcoef(predicted.ravel(), batch.steps.ravel())[0, 1] > 0.98


def test_the_best_is_kept(iterations):
    merits = [iteration.merit for iteration in iterations]
    assert [iteration.best_merit for iteration in iterations] == list(np.minimum.accumulate(merits))


@pytest.fixture
def fits_nothing(iterations, monkeypatch):
    """Each policy is the first one: a fit takes seconds to trace."""
    monkeypatch.setattr(gps, "_fit_policy", lambda config, batches, policy, seed: iterations[0].policy)


@ONCE
def test_old_batches_go(fits_nothing):
    config = dataclasses.replace(TINY, kept=2)
    assert [len(iteration.batches) for iteration in gps.learn(config, BOWLS)] == [1, 2, 2]


@ONCE
@pytest.mark.parametrize("anew", [False, True])
def test_functions_are_drawn_anew_if_that_is_asked(anew, iterations, fits_nothing, monkeypatch):
    """Of two further iterations, the second one without the first too, as after a resume."""
    config, seen = dataclasses.replace(TINY, iterations=4, anew=anew), []
    improve = gps.improve_targets

    def note(config, functions, *arguments):
        seen.append(functions.data[0])
        return improve(config, functions, *arguments)

    monkeypatch.setattr(gps, "improve_targets", note)
    third, _ = gps.learn(config, BOWLS, iterations[2])
    list(gps.learn(config, BOWLS, third))
    first = BOWLS.sample(8, [0, gps.TRAINING]).data[0]
    assert [np.array_equal(first, one) for one in seen] == [not anew] * 3
    np.testing.assert_array_equal(seen[1], seen[2])
    assert np.array_equal(seen[0], seen[1]) == (not anew)


@ONCE
def test_going_on_is_the_same_as_not_stopping(iterations):
    (again,) = gps.learn(TINY, BOWLS, iterations[1])
    for ours, theirs in zip(again.policy, iterations[2].policy):
        np.testing.assert_array_equal(ours, theirs)
    assert again.merit == iterations[2].merit


@ONCE
def test_targets_are_better_than_the_policy_and_near_it(iterations):
    """Along the model's own trajectories: where the target's mean steps lead has lower values."""
    policy, functions = iterations[0].policy, BOWLS.sample(8, [0, gps.TRAINING])
    batch, weights, _ = targets.improve_targets(TINY, functions, 1, policy, np.ones(8))
    assert (weights > 0).all()
    seen = gps.observe_all(batch.trajectories, 4)
    moved = np.abs(batch.steps - policy(seen)).mean() / np.abs(policy(seen)).mean()
    assert 0.01 < moved < 2
    # One step from where the policy stands, in the direction of the target, is downwards for most.
    gradients = batch.trajectories.gradients[:, :, :-1]
    change = np.einsum("fstd,fstd->fst", gradients, batch.steps - policy(seen))
    assert np.mean(change[:, :, :4]) < 0


@ONCE
def test_a_function_whose_model_explodes_is_left_out(iterations, monkeypatch):
    solve_constrained, calls = targets.lqg.solve_constrained, []

    def second_fails(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 2:
            raise targets.lqg.UnstableModel("explodes")
        return solve_constrained(*arguments, **named)

    monkeypatch.setattr(targets.lqg, "solve_constrained", second_fails)
    advanced, functions = [], BOWLS.sample(8, [0, gps.TRAINING])
    policy = iterations[0].policy
    batch, *_ = targets.improve_targets(TINY, functions, 1, policy, np.ones(8), advance=lambda: advanced.append(1))
    assert len(advanced) == 8
    np.testing.assert_array_equal(np.isnan(batch.steps).all(axis=(1, 2, 3)), np.arange(8) == 1)
    fitted = gps._fit_policy(dataclasses.replace(TINY, updates=50), [batch], policy, [0])
    assert all(np.isfinite(part).all() for part in fitted.arrays().values())


@ONCE
def test_momentum_for_each_function():
    functions, start = BOWLS.sample(6, 0), starts(6, 1, 2, 1)
    shared, each = (tune_momentum(functions, start, 8, 25, choice) for choice in ("shared", "each"))
    values = [mean_value(run(functions, momentum_policy(*setting, 25), start, 8, 25)) for setting in (shared, each)]
    assert np.shape(each) == (2, 6)
    assert values[1] <= values[0]
    # With a history of one gradient, momentum is gradient descent, whatever its decay.
    (rate, _), of_one = tune_momentum(functions, start, 8, history=1), momentum_policy(*shared, 1)
    best = mean_value(run(functions, momentum_policy(rate, 0.0, 25), start, 8, 25))
    assert best <= mean_value(run(functions, of_one, start, 8, history=1))
    found = targets.imitate_momentum(dataclasses.replace(TINY, functions=6, momentum="each"), functions)
    assert np.isfinite(found.batch.steps).all()


@ONCE
def test_momentum_is_that_of_the_table():
    policy = momentum_policy(0.1, 0.5, history=3)
    seen = np.array([0, 0, 0, 4.0, 2.0, 1.0]).reshape(1, 1, 6)  # three changes, then gradients, the newest first
    assert policy(seen).item() == pytest.approx(-0.1 * (4 + 0.5 * 2 + 0.25 * 1))


@ONCE
@pytest.mark.parametrize("choice", ["shared", "each"])
def test_functions_on_which_momentum_diverges_are_an_error(choice):
    said = (
        r"ends above 1000 on 6 of 6 functions with the best of its rates, which are 0\.1 to 10\. "
        r"Scale the values of the functions down\."
    )
    with pytest.raises(FloatingPointError, match=said):
        tune_momentum(STEEP.sample(6, 0), starts(6, 1, 2, 1), 8, 25, choice)


@ONCE
def test_a_few_functions_on_which_momentum_diverges_are_none():
    few = [np.concatenate(parts) for parts in zip(BOWLS.sample(4, 0).data, BOWLS.sample(2, 1).data)]
    few[0][4:] *= 100
    functions = type(BOWLS.sample(1, 0))(BOWLS, tuple(few))
    rate, _ = tune_momentum(functions, starts(6, 1, 2, 1), 8, 25)
    assert rate == tune_momentum(functions[:4], starts(6, 1, 2, 1)[:4], 8, 25)[0]


@ONCE
@pytest.mark.parametrize("step", [1e30, 1e51])
def test_steps_too_long_for_the_fit_are_left_out(step):
    """It squares them in float32; those of 1e51 are infinite there."""
    batch = targets.imitate_momentum(TINY, BOWLS.sample(8, [0, gps.TRAINING])).batch
    batch.steps[1] = step
    fitted = gps._fit_policy(dataclasses.replace(TINY, updates=50), [batch], None, [0])
    assert all(np.isfinite(part).all() for part in fitted.arrays().values())


@ONCE
def test_weights_that_are_no_numbers_are_an_error(iterations, monkeypatch):
    broken = iterations[0].policy._replace(first_bias=np.full(50, 1e39))  # infinite in float32
    monkeypatch.setattr(gps, "fit", lambda *arguments: broken)
    with pytest.raises(FloatingPointError, match=r"weights that are no finite numbers.*Scale the functions\."):
        next(gps.learn(TINY, BOWLS))


@ONCE
def test_a_policy_that_diverges_everywhere_is_an_error(iterations):
    away = iterations[0].policy._replace(second=1e200 * np.ones_like(iterations[0].policy.second))
    with pytest.raises(FloatingPointError, match="more functions"):
        targets.improve_targets(TINY, BOWLS.sample(8, 1), 1, away, np.ones(8))


@ONCE
@pytest.mark.parametrize(
    "change",
    [
        dict(functions=0),
        dict(iterations=-1),
        dict(momentum="none"),
        dict(compressed=1),
        dict(anew=True, near="target"),
    ],
)
def test_bad_settings_are_named(change):
    with pytest.raises(ValueError, match=f"Argument `{next(iter(change))}` must be"):
        dataclasses.replace(TINY, **change)
