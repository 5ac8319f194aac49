"""The hand-made optimizers by hand, against plain loops and against SciPy."""

import itertools
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from neural_optimizer_search.l2o import baselines
from neural_optimizer_search.l2o.baselines import BASELINES, Baseline, Counted, tune
from neural_optimizer_search.l2o.trajectories import CAP, Trajectories, mean_value, starts
from neural_optimizer_search.objectives import FAMILIES, Family, Objectives

pytestmark = pytest.mark.once

NAMES = (
    "gradient descent", "momentum", "conjugate gradient", "l-bfgs",
    "gradient descent, line search", "conjugate gradient, line search", "l-bfgs, line search",
    "adam", "powersign", "addsign",
)  # fmt: skip
SEARCHES = [name for name in NAMES if name.endswith("line search")]
# A setting of each with which it makes progress on the families.
SETTINGS = {
    "gradient descent": {"step": 0.5},
    "momentum": {"step": 0.25, "alpha": 0.5},
    "conjugate gradient": {"step": 0.01},
    "l-bfgs": {"step": 0.1, "memory": 3},
    "gradient descent, line search": {"first": 8.0, "decrease": 0.1},
    "conjugate gradient, line search": {"first": 0.5, "curvature": 0.1, "restart": 4},
    "l-bfgs, line search": {"first": 1.0, "curvature": 0.5, "memory": 3},
    "adam": {"learning_rate": 0.125, "beta_1": 0.75, "beta_2": 0.875},
    "powersign": {"learning_rate": 0.125, "base": 2.0, "beta": 0.5},
    "addsign": {"learning_rate": 0.125, "alpha": 1.0, "beta": 0.5},
}


class Quadratics(Family):
    """½ xᵀAx - bᵀx."""

    dimension = 4

    def draw(self, rng):
        factor = rng.normal(size=(4, 4))
        return factor @ factor.T + np.eye(4), rng.normal(size=4)

    def values(self, data, x):
        matrix, vector = data
        return tf.reduce_sum(x * (tf.matmul(x, matrix) / 2 - vector[:, None]), axis=-1)


class Powers(Family):
    """Σ weightᵢ |xᵢ|^power."""

    def __init__(self, power, dimension=2):
        self.power, self.dimension = power, dimension

    def values(self, data, x):
        return tf.reduce_sum(data[0][:, None] * tf.abs(x) ** self.power, axis=-1)


QUADRATICS = Quadratics().sample(5, seed=0)
# x² + 2 y², whose gradient at (1, 1) is (2, 4).
BOWL = Objectives(Powers(2), (np.array([[1.0, 2.0]]),))
CORNER = np.ones([1, 1, 2])


def on(family, count=6, points=2):
    objectives = FAMILIES[family].sample(count, seed=0)
    return objectives, starts(count, points, objectives.dimension, seed=1)


# -- By hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "setting", "iterates"),
    [
        ("gradient descent", {"step": 0.1}, [(0.8, 0.6), (0.64, 0.36)]),
        # The gradients are (2, 4) and (1.6, 2.4); half of the first stays.
        ("momentum", {"step": 0.1, "alpha": 0.5}, [(0.8, 0.6), (0.54, 0.16)]),
        # Their squares are 20 and 8.32: 0.416 of the first stays.
        ("conjugate gradient", {"step": 0.1}, [(0.8, 0.6), (0.5568, 0.1936)]),
        # s = (-0.2, -0.4), y = (-0.4, -1.6), s·y = 0.72, y·y = 2.72: H = (I - ρsyᵀ) 0.72/2.72 (I - ρysᵀ) + ρssᵀ.
        ("l-bfgs", {"step": 0.1, "memory": 5}, [(0.8, 0.6), (0.73830065, 0.53542484)]),
        ("adam", {"learning_rate": 0.1}, [(0.9, 0.9)]),
        # The first average agrees with the gradient in sign.
        ("powersign", {"learning_rate": 0.1, "base": 2.0}, [(0.6, 0.2)]),
        ("addsign", {"learning_rate": 0.1, "alpha": 2.0}, [(0.4, -0.2)]),
    ],
)
def test_first_steps(name, setting, iterates):
    run = BASELINES[name].run(BOWL, CORNER, len(iterates), **setting)
    np.testing.assert_allclose(run.iterates[0, 0], [(1.0, 1.0), *iterates], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "setting", "expected", "evaluations"),
    [
        # The slope is -20. t = 1 leads to (-1, -3), worth 19; 1/2 to (0, -1), worth 2; 1/4 to (1/2, 0), worth 1/4.
        ("gradient descent, line search", {"first": 1.0, "decrease": 1e-4}, (0.0, -1.0), 2),
        ("gradient descent, line search", {"first": 1.0, "decrease": 0.1}, (0.0, -1.0), 2),
        ("gradient descent, line search", {"first": 1.0, "decrease": 0.11}, (0.5, 0.0), 3),
        # The slopes at 1/16, 1/8, 1/4 and 1/2 are -15.5, -11, -2 and 16.
        ("l-bfgs, line search", {"first": 1.0, "curvature": 0.9, "memory": 5}, (0.0, -1.0), 2),
        ("l-bfgs, line search", {"first": 1.0, "curvature": 0.5, "memory": 5}, (0.5, 0.0), 3),
        ("l-bfgs, line search", {"first": 0.0625, "curvature": 0.6, "memory": 5}, (0.75, 0.5), 2),
        ("conjugate gradient, line search", {"first": 0.0625, "curvature": 0.5}, (0.5, 0.0), 3),
        # From 1/4 and 1/2 on 3/8, 5/16 and 9/32, with the slopes 7, 2.5 and 0.25.
        ("conjugate gradient, line search", {"first": 0.125, "curvature": 0.05}, (0.4375, -0.125), 6),
    ],
)
def test_first_step_of_a_line_search(name, setting, expected, evaluations):
    counted = Counted(BOWL)
    run = BASELINES[name].run(counted, CORNER, 1, **setting)
    np.testing.assert_allclose(run.iterates[0, 0, 1], expected, rtol=1e-12)
    assert counted.evaluations == 1 + evaluations


# -- Directions ------------------------------------------------------------------------------------


def test_momentum_is_the_heavy_ball():
    objectives, start = on("logistic")
    run = BASELINES["momentum"].run(objectives, start, 30, step=0.5, alpha=0.9)
    x, v = start, 0.0
    for t in range(31):
        np.testing.assert_allclose(run.iterates[:, :, t], x, rtol=1e-9, atol=1e-12)
        v = 0.9 * v + objectives.values_and_gradients(x)[1]
        x = x - 0.5 * v


@pytest.mark.parametrize("restart", [None, 1, 3, 7])
def test_conjugate_gradient_is_the_recursion_of_fletcher_and_reeves(restart):
    objectives, start = on("logistic")
    run = baselines.fixed_step(baselines.conjugate_gradient, objectives, start, 20, step=0.1, restart=restart)
    direction, last = 0.0, np.inf
    for t, g in enumerate(np.moveaxis(run.gradients, 2, 0)[:-1]):
        square = np.sum(g**2, axis=-1, keepdims=True)
        direction = -g if t % (restart or 99) == 0 else -g + square / last * direction
        np.testing.assert_allclose(run.steps[:, :, t], 0.1 * direction, rtol=1e-9, atol=1e-12)
        last = square


def test_conjugate_gradient_solves_a_quadratic_in_as_many_steps_as_dimensions():
    start = starts(5, 3, 4, seed=1)
    solution = np.linalg.solve(QUADRATICS.data[0], QUADRATICS.data[1][..., None])[..., 0]
    exact = {"first": 0.1, "curvature": 1e-6}
    run = BASELINES["conjugate gradient, line search"].run(QUADRATICS, start, 4, **exact)
    error = np.linalg.norm(run.iterates - solution[:, None, None], axis=-1)
    assert np.all(error[:, :, 4] < 1e-3 * error[:, :, 0]) and np.all(error[:, :, 3] > 1e-3 * error[:, :, 0])
    steepest = baselines.line_search(baselines.gradient_descent, QUADRATICS, start, 4, **exact)
    assert np.all(run.values[:, :, 4] < steepest.values[:, :, 4])


def dense_bfgs(iterates, gradients):
    """-Hg for one run, with H as a matrix."""
    pairs = [(s, y) for s, y in zip(np.diff(iterates, axis=0), np.diff(gradients, axis=0)) if s @ y > 0]
    identity = np.eye(iterates.shape[1])
    h = identity * (pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1.0)
    for s, y in pairs:
        left = identity - np.outer(s, y) / (s @ y)
        h = left @ h @ left.T + np.outer(s, s) / (s @ y)
    return -h @ gradients[-1], len(pairs)


@pytest.mark.parametrize("memory", [1, 3, 25])
def test_l_bfgs_is_dense_bfgs_of_the_pairs_with_positive_curvature(memory):
    rng = np.random.default_rng(0)
    past = Trajectories(rng.normal(size=(6, 4, 9, 5)), rng.normal(size=(6, 4, 9)), rng.normal(size=(6, 4, 9, 5)))
    past.gradients[0, 0, 3:] = past.gradients[0, 0, 3]  # No change at all: 0 / 0.
    past.gradients[0, 1] = -past.iterates[0, 1]  # A function without any positive curvature.
    with np.errstate(all="ignore"):
        directions, kept = baselines.l_bfgs(past, memory), set()
    for f, s in itertools.product(range(6), range(4)):
        used = slice(-memory - 1, None)
        expected, pairs = dense_bfgs(past.iterates[f, s, used], past.gradients[f, s, used])
        kept.add(pairs)
        np.testing.assert_allclose(directions[f, s], expected, rtol=1e-8)
    assert {0, 1} <= kept and len(kept) >= min(memory, 4)


def test_l_bfgs_takes_newtons_step_of_a_quadratic_after_as_many_searches_as_dimensions():
    start = starts(5, 1, 4, seed=1)
    search = partial(baselines.line_search, baselines.l_bfgs, QUADRATICS, start, memory=25)
    past = search(5, first=1.0, curvature=1e-6)
    newton = -np.linalg.solve(QUADRATICS.data[0], past.gradients[:, 0, 4, :, None])[..., 0]
    before = Trajectories(past.iterates[:, :, :5], past.values[:, :, :5], past.gradients[:, :, :5])
    np.testing.assert_allclose(baselines.l_bfgs(before, 25)[:, 0], newton, rtol=1e-2, atol=1e-4)


# -- Line searches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["logistic", "robust", "classifier"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_line_search_never_leads_upwards(name, family):
    objectives, start = on(family)
    run = BASELINES[name].run(objectives, start, 8, **SETTINGS[name])
    assert np.all(np.diff(run.values, axis=-1) <= 0)
    assert np.all(run.values[..., -1] < run.values[..., 0])


@pytest.mark.parametrize(("curvature", "decrease"), [(0.1, 1e-4), (0.5, 0.3), (np.inf, 0.2)])
@pytest.mark.parametrize("direction", [baselines.gradient_descent, partial(baselines.l_bfgs, memory=5)])
def test_a_search_meets_wolfes_conditions(direction, curvature, decrease):
    objectives, start = on("robust")
    setting = {"first": 2.0, "curvature": curvature, "decrease": decrease}
    run = baselines.line_search(direction, objectives, start, 8, **setting)
    before = np.sum(run.gradients[:, :, :-1] * run.steps, axis=-1)
    after = np.sum(run.gradients[:, :, 1:] * run.steps, axis=-1)
    moving = before < -1e-8
    assert np.mean(moving) > 0.9
    assert np.all(np.diff(run.values, axis=-1)[moving] <= decrease * before[moving] * (1 - 1e-6))
    assert np.all(np.abs(after[moving]) <= -curvature * before[moving] * (1 + 1e-6))


def test_where_the_direction_leads_upwards_the_gradient_is_followed():
    objectives, start = on("robust")
    runs = [
        baselines.line_search(direction, objectives, start, 4, first=1.0)
        for direction in (baselines.gradient_descent, lambda past: 3 * past.gradients[:, :, -1])
    ]
    np.testing.assert_array_equal(runs[0].iterates, runs[1].iterates)


def test_a_run_that_has_arrived_stays_and_evaluates_nothing():
    counted = Counted(Objectives(Powers(2), (np.array([[1.0, 2.0]] * 2),)))
    start = np.array([[[0.0, 0.0]], [[1.0, 1.0]]])
    for name in SEARCHES:
        counted.evaluations = 0
        run = BASELINES[name].run(counted, start, 1, **{**SETTINGS[name], "first": 0.25})
        np.testing.assert_array_equal(run.iterates[:, 0, 1], [(0.0, 0.0), (0.5, 0.0)])
        assert counted.evaluations == 2 + 1


def test_a_search_that_finds_nothing_stays():
    class Uphill(Family):
        dimension = 1

        def values(self, data, x):
            # The gradient says that it falls to the left, where it rises.
            return data[0] + tf.reduce_sum(tf.abs(x) + 2 * (x - tf.stop_gradient(x)), axis=-1)

    start, uphill = np.zeros([1, 1, 1]), Counted(Objectives(Uphill(), (np.zeros([1, 1]),)))
    run = BASELINES["l-bfgs, line search"].run(uphill, start, 1, **SETTINGS["l-bfgs, line search"])
    assert run.iterates[0, 0, 1] == 0.0 and uphill.evaluations == 1 + baselines.TRIALS


# -- All of them -----------------------------------------------------------------------------------


def test_the_table():
    assert tuple(BASELINES) == NAMES
    for run, grid in BASELINES.values():
        assert 30 <= np.prod([len(set(values)) for values in grid.values()]) <= 42
        assert run(BOWL, CORNER, 1, **{key: values[0] for key, values in grid.items()}).values.shape == (1, 1, 2)


@pytest.mark.parametrize("name", NAMES)
def test_each_run_is_as_on_its_own_and_what_it_says_of_its_iterates_is_true(name):
    objectives, start = on("classifier", count=3)
    untouched, run = start.copy(), BASELINES[name].run(objectives, start, 6, **SETTINGS[name])
    np.testing.assert_array_equal(run.iterates[:, :, 0], untouched)
    np.testing.assert_array_equal(start, untouched)
    for t in range(7):
        values, gradients = objectives.values_and_gradients(run.iterates[:, :, t])
        np.testing.assert_allclose(run.values[:, :, t], values, rtol=1e-10)
        np.testing.assert_allclose(run.gradients[:, :, t], gradients, rtol=1e-6, atol=1e-10)
    for f, s in itertools.product(range(3), range(2)):
        alone = BASELINES[name].run(objectives[f : f + 1], start[f : f + 1, s : s + 1], 6, **SETTINGS[name])
        np.testing.assert_allclose(alone.iterates[0, 0], run.iterates[f, s], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["adam", "powersign", "addsign"])
def test_the_rules_of_keras_are_a_plain_loop(name):
    objectives, start = on("classifier", count=2, points=1)
    run = BASELINES[name].run(objectives, start, 25, **SETTINGS[name])
    function, beta = objectives[1:], 0.75 if name == "adam" else 0.5
    x, m, v = start[1, 0], 0.0, 0.0
    for t in range(1, 26):
        g = function.values_and_gradients(x[None, None])[1][0, 0]
        # Keras rounds its numbers to float32: all of these are exact in it.
        m, v = beta * m + (1 - beta) * g, 0.875 * v + 0.125 * g**2
        agree = np.sign(g) * np.sign(m)
        corrected = m / (1 - 0.75**t) * np.sqrt(1 - 0.875**t) / (np.sqrt(v) + 1e-7)
        x = x - 0.125 * {"adam": corrected, "powersign": 2.0**agree * g, "addsign": (1 + agree) * g}[name]
        np.testing.assert_allclose(run.iterates[1, 0, t], x, rtol=1e-9, atol=1e-12)


def test_evaluations_are_counted_once_for_each_point():
    objectives, start = on("logistic")
    counted = Counted(objectives)
    BASELINES["momentum"].run(counted, start, 10, **SETTINGS["momentum"])
    assert counted.evaluations == 6 * 2 * 11
    # The first function takes t = 1; the second, four times as steep, halves it twice.
    unequal, begin = Counted(Objectives(Powers(2, 1), (np.array([[0.5], [2.0]]),))), np.ones([2, 1, 1])
    run = BASELINES["gradient descent, line search"].run(unequal, begin, 1, first=1.0, decrease=0.1)
    np.testing.assert_array_equal(run.iterates[:, 0, 1, 0], [0.0, 0.0])
    assert unequal.evaluations == 2 + 1 + 3


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_run_that_diverges_ends_in_no_number_and_leaves_the_others_alone(name):
    objectives, start = Objectives(Powers(4), (np.ones([2, 2]),)), np.array([[[2.0, 2.0]], [[0.0, 0.0]]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = BASELINES[name].run(objectives, start, 80, **{**SETTINGS[name], "step": 1000.0})
    assert np.isnan(run.iterates[0, 0, -1]).all() and run.values[0, 0, 0] == 32.0
    assert np.all(run.values[1] == 0.0) and np.all(run.iterates[1] == 0.0)
    assert mean_value(run) == CAP / 2


def test_l_bfgs_finds_the_minimum_of_scipy_and_is_ahead_of_gradient_descent():
    objectives, start = on("logistic", count=12, points=1)
    found, *slower = (
        BASELINES[name].run(objectives, start, 30, **SETTINGS[name]).values[:, 0, 30]
        for name in ("l-bfgs, line search", "gradient descent, line search", "gradient descent")
    )
    assert found.mean() < min(values.mean() for values in slower) - 1e-3
    for f in range(12):
        function = objectives[f : f + 1]
        least = scipy.optimize.minimize(
            lambda x, function=function: [part[0, 0] for part in function.values_and_gradients(x[None, None])],
            start[f, 0], jac=True, method="BFGS", options={"gtol": 1e-8},
        ).fun  # fmt: skip
        assert found[f] == pytest.approx(least, rel=1e-4, abs=1e-5)


# -- Choosing a setting ----------------------------------------------------------------------------


def test_the_best_setting_of_the_grid_is_chosen(monkeypatch):
    # The start is no matter, and one value that is no number outweighs 999.
    table = {(1, 5): [0, 0, 999], (1, 6): [9, 0, 998], (2, 5): [0, np.nan, 0], (2, 6): [0, np.inf, 1]}
    asked = []

    def run(objectives, start, steps, a, b):
        asked.append((objectives, start, steps))
        return Trajectories(None, np.array(table[a, b], float)[None, None], None)

    monkeypatch.setitem(BASELINES, "planted", Baseline(run, {"a": (1, 2), "b": (5, 6)}))
    assert tune("planted", "objectives", "start", 2) == {"a": 1, "b": 6}
    assert asked == [("objectives", "start", 2)] * 4


def test_a_setting_that_diverges_on_some_functions_is_not_chosen():
    objectives = Objectives(Powers(2, 1), (np.array([[0.5], [50.0]]),))
    # The steepest gradient is 100 x: above 0.02, its run diverges; at 2 / (1 + 100) both converge equally fast.
    assert 0.01 <= tune("gradient descent", objectives, np.ones([2, 1, 1]), 20)["step"] <= 0.02


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"^Argument `name` must be one of 'gradient descent', .*Received: 'sgd'\.$"):
        tune("sgd", QUADRATICS, starts(5, 1, 4, seed=0), 3)
