"""Against the formulas of Li & Malik (2017), section 6, in plain NumPy: one function and one instance at a time."""

import dataclasses

import numpy as np
import pytest
from bowls import RoundBowls
from scipy.optimize import approx_fprime

from neural_optimizer_search.objectives import FAMILIES, Family, LogisticRegression, TwoLayerClassifier

pytestmark = pytest.mark.once

COUNT, POINTS = 3, 4


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def logistic(x, inputs, labels):
    w, b, total = x[:3], x[3], 0.0
    for xi, yi in zip(inputs, labels):
        z = w @ xi + b  # 1 - σ(z) is σ(-z), which does not round to 0
        total += yi * np.log(sigmoid(z)) + (1 - yi) * np.log(sigmoid(-z))
    return -total / len(inputs) + 0.0005 / 2 * np.linalg.norm(w) ** 2


def robust(x, inputs, labels):
    w, b, total = x[:3], x[3], 0.0
    for xi, yi in zip(inputs, labels):
        square = (yi - w @ xi - b) ** 2
        total += square / (1.0 + square)
    return total / len(inputs)


def classifier(x, inputs, labels):
    w, b, u, c = x[:4].reshape(2, 2), x[4:6], x[6:10].reshape(2, 2), x[10:]
    total = 0.0
    for xi, label in zip(inputs, labels.argmax(axis=1)):
        exponentials = np.exp(u @ np.maximum(w @ xi + b, 0) + c)
        total -= np.log(exponentials[label] / exponentials.sum())
    norms = np.linalg.norm(w, "fro") ** 2 + np.linalg.norm(u, "fro") ** 2
    return total / len(inputs) + 0.0005 / 2 * norms


FORMULAS = {"logistic": logistic, "robust": robust, "classifier": classifier}
each_family = pytest.mark.parametrize("name", FORMULAS)


def objectives_and_points(name, scale=1.0):
    objectives = FAMILIES[name].sample(COUNT, seed=0)
    return objectives, scale * np.random.default_rng(1).normal(size=[COUNT, POINTS, objectives.dimension])


def one_by_one(function, objectives, x):
    """`function(point, *data)` of each function at each of its points."""
    data = list(zip(*objectives.data))
    return np.array([[function(point, *data[f]) for point in points] for f, points in enumerate(x)])


def group_means(inputs, groups):
    return inputs.reshape(len(inputs), groups, -1, inputs.shape[-1]).mean(axis=2)


@each_family
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_values_are_the_formulas(name, scale):
    objectives, x = objectives_and_points(name, scale)
    expected = one_by_one(FORMULAS[name], objectives, x)
    values, _ = objectives.values_and_gradients(x)
    assert values.dtype == np.float64 and values.shape == (COUNT, POINTS)
    np.testing.assert_allclose(values, expected, rtol=1e-10)


@each_family
def test_gradients_are_those_of_the_formulas(name):
    objectives, x = objectives_and_points(name)
    expected = one_by_one(lambda point, *data: approx_fprime(point, FORMULAS[name], 1e-7, *data), objectives, x)
    _, gradients = objectives.values_and_gradients(x)
    assert gradients.dtype == np.float64
    np.testing.assert_allclose(gradients, expected, atol=2e-6)


@each_family
def test_hessians_are_differences_of_gradients(name):
    objectives, x = objectives_and_points(name)
    expected = np.empty([*x.shape, x.shape[-1]])
    for i, h in enumerate(1e-5 * np.eye(x.shape[-1])):
        (_, above), (_, below) = (objectives.values_and_gradients(x + sign * h) for sign in (1, -1))
        expected[..., i] = (above - below) / 2e-5
    hessians = objectives.hessians(x)
    np.testing.assert_allclose(hessians, expected, atol=1e-6)
    np.testing.assert_allclose(hessians, np.swapaxes(hessians, -1, -2), atol=1e-12)


def test_logistic_regression_alone_is_convex():
    def least_curvature(name):
        objectives, x = objectives_and_points(name)
        return np.linalg.eigvalsh(objectives.hessians(x)).min()

    assert least_curvature("logistic") > 0
    assert least_curvature("robust") < -0.01
    assert least_curvature("classifier") < -0.01


@each_family
def test_far_away_all_is_finite(name):
    objectives, x = objectives_and_points(name, scale=1e4)
    for part in objectives.values_and_gradients(x):
        assert np.isfinite(part).all()


@each_family
def test_many_at_once_are_as_one_by_one(name):
    objectives, x = objectives_and_points(name)
    together = objectives.values_and_gradients(x)
    for f in range(COUNT):
        for s in range(POINTS):
            alone = objectives[f : f + 1].values_and_gradients(x[f : f + 1, s : s + 1])
            for part, one in zip(together, alone):
                np.testing.assert_allclose(one[0, 0], part[f, s], rtol=1e-9, atol=1e-12)


@each_family
def test_the_seed_tells_the_functions(name):
    first, again, other = (FAMILIES[name].sample(COUNT, seed=seed) for seed in ([0, 5], [0, 5], [0, 6]))
    for one, same in zip(first.data, again.data):
        np.testing.assert_array_equal(one, same)
    assert not np.isin(other.data[0], first.data[0]).any()
    assert len(np.unique(first.data[0])) == first.data[0].size  # nor is one function another


@each_family
def test_slices_are_some_of_the_functions(name):
    objectives, x = objectives_and_points(name)
    values, gradients = objectives.values_and_gradients(x)
    for chosen in (slice(1, 3), slice(None, None, -1), [2, 0]):
        some = objectives[chosen]
        assert len(some) == len(values[chosen]) and some.dimension == objectives.dimension
        for part, expected in zip(some.values_and_gradients(x[chosen]), (values[chosen], gradients[chosen])):
            np.testing.assert_allclose(part, expected, rtol=1e-12)


# -- What the paper says of the data ---------------------------------------------------------------


def test_logistic_regression_has_two_gaussians_of_fifty_instances_each():
    objectives = FAMILIES["logistic"].sample(200, seed=0)
    inputs, labels = objectives.data
    assert objectives.dimension == 4 and inputs.shape == (200, 100, 3)
    np.testing.assert_array_equal(labels, [[0] * 50 + [1] * 50] * 200)
    zero, one = np.moveaxis(group_means(inputs, 2), 1, 0)
    assert 0.8 < np.std(zero) < 1.3 and 0.8 < np.std(one) < 1.3
    assert abs(np.corrcoef(zero.ravel(), one.ravel())[0, 1]) < 0.2
    covariances = np.array([np.cov(half.T) for half in inputs.reshape(-1, 50, 3)])
    assert np.std(covariances[:, 0, 1]) > 0.3  # each has its own


def test_robust_regression_has_four_gaussians_with_the_identity_and_a_plane_each():
    objectives = FAMILIES["robust"].sample(120, seed=0)
    inputs, labels = objectives.data
    assert objectives.dimension == 4 and inputs.shape == (120, 100, 3) and labels.shape == (120, 100)
    groups, heights = inputs.reshape(-1, 25, 3), labels.reshape(-1, 25)
    covariance = np.mean([np.cov(group.T) for group in groups], axis=0)
    np.testing.assert_allclose(covariance, np.eye(3), atol=0.05)
    np.testing.assert_allclose(np.std(group_means(inputs, 4)), 1.0, atol=0.15)
    fits = [np.linalg.lstsq(np.c_[g, np.ones(25)], h, rcond=None)[:2] for g, h in zip(groups, heights)]
    planes, squares = map(np.array, zip(*fits))
    np.testing.assert_allclose(squares.mean() / (25 - 4), 0.1**2, rtol=0.05)
    # Standard normal vectors and biases, each Gaussian's its own.
    np.testing.assert_allclose(np.cov(planes.T), np.eye(4), atol=0.2)
    assert abs(np.corrcoef(planes[:-1].ravel(), planes[1:].ravel())[0, 1]) < 0.1


def test_the_classifier_has_four_gaussians_with_a_label_each_never_all_the_same():
    objectives = FAMILIES["classifier"].sample(400, seed=0)
    inputs, labels = objectives.data
    assert objectives.dimension == 12 and inputs.shape == (400, 100, 2) and labels.shape == (400, 100, 2)
    np.testing.assert_array_equal(labels.sum(axis=-1), 1)
    groups = labels[..., 1].reshape(400, 4, 25)
    np.testing.assert_array_equal(groups, np.repeat(groups[..., :1], 25, axis=-1))
    codes = groups[..., 0] @ [1, 2, 4, 8]
    # Both all-alike labellings are out, all the fourteen others are there.
    assert set(codes) == set(range(1, 15))
    means = group_means(inputs, 4)
    assert 0.8 < np.std(means) < 1.3
    assert np.abs(np.corrcoef(means[..., 0].T) - np.eye(4)).max() < 0.2


def test_more_gaussians_for_the_transfer():
    family = dataclasses.replace(FAMILIES["classifier"], gaussians=12)
    objectives = family.sample(2, seed=0)
    assert objectives.data[0].shape == (2, 300, 2)
    assert objectives.values_and_gradients(np.zeros([2, 1, 12]))[0].shape == (2, 1)


def test_sizes_and_constants_can_be_others():
    family = dataclasses.replace(FAMILIES["classifier"], features=3, hidden=5, classes=4, regularization=2.0)
    objectives = family.sample(2, seed=0)
    assert objectives.dimension == 5 * 3 + 5 + 4 * 5 + 4
    x = np.zeros([2, 1, objectives.dimension])
    np.testing.assert_allclose(objectives.values_and_gradients(x)[0], np.log(4))
    x[..., :15] = 1000  # W; with U = 0 it costs its norm alone
    np.testing.assert_allclose(objectives.values_and_gradients(x)[0], np.log(4) + 15 * 1000**2)
    robust = dataclasses.replace(FAMILIES["robust"], gaussians=2, instances=3, features=2, noise=0.0, scale=1e9)
    inputs, labels = robust.sample(1, seed=0).data
    assert inputs.shape == (1, 6, 2)
    values, _ = robust.sample(1, seed=0).values_and_gradients(np.zeros([1, 1, 3]))
    np.testing.assert_allclose(values, np.mean(labels**2) / 1e9, rtol=1e-6)


# -- Families of one's own, and errors -------------------------------------------------------------


def test_a_family_of_ones_own():
    objectives = RoundBowls().sample(count=3, seed=0)
    x = np.random.default_rng(0).normal(size=[3, 5, 2])
    away = x - objectives.data[0][:, None]
    values, gradients = objectives.values_and_gradients(x)
    np.testing.assert_allclose(values, np.sum(away**2, axis=-1))
    np.testing.assert_allclose(gradients, 2 * away)
    np.testing.assert_allclose(objectives.hessians(x), np.broadcast_to(2 * np.eye(2), [3, 5, 2, 2]))


@pytest.mark.parametrize("compute", ["values_and_gradients", "hessians"])
@pytest.mark.parametrize("shape", [[2], [3, 2], [2, 1, 2], [3, 1, 3], [3, 1, 1, 2]])
def test_points_of_another_shape_raise(compute, shape):
    objectives = RoundBowls().sample(count=3, seed=0)
    with pytest.raises(ValueError) as error:
        getattr(objectives, compute)(np.zeros(shape))
    assert str(error.value) == (
        "Argument `x` must have the shape [3, points, 2]: some points of 2 numbers for each of the 3 functions. "
        f"Received: shape {shape}."
    )


def test_a_family_that_says_nothing_raises():
    with pytest.raises(NotImplementedError):
        Family().sample(count=1, seed=0)


def test_indices_keep_functions():
    objectives = FAMILIES["logistic"].sample(4, 0)
    assert [len(objectives[chosen]) for chosen in (2, slice(1, 3), [0, 3])] == [1, 2, 2]
    np.testing.assert_array_equal(objectives[2].data[0][0], objectives.data[0][2])
    assert sum(len(function) for function in objectives) == 4


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LogisticRegression(instances=5), "instances"),
        (lambda: TwoLayerClassifier(gaussians=1), "gaussians"),
        (lambda: TwoLayerClassifier(classes=1), "classes"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be"):
        make()
