"""`PredictedStepDescent`: `minimize`, saving and loading, and objectives that it refuses."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.l2o import PredictedStepDescent
from neural_optimizer_search.l2o.step_policy import new_policy
from neural_optimizer_search.l2o.trajectories import run, starts
from neural_optimizer_search.objectives import FAMILIES

FAMILY = FAMILIES["logistic"]


@pytest.fixture
def descent():
    seen = np.random.default_rng(0).normal(size=(100, 25 * 5))
    policy = new_policy(seen, dimension=4, seed=0, history=25)
    return PredictedStepDescent(policy._replace(second=0.1 * policy.second), about=dict(family="logistic"))


def bowl(x):
    return tf.reduce_sum((x - 1.0) ** 2)


def test_minimize_is_a_run_of_the_policy(descent):
    functions, start = FAMILY.sample(1, 0), starts(1, 1, 4, 1)
    whole = run(functions, descent.policy, start, 12, history=25)
    found = descent.minimize(lambda x: FAMILY.values(functions.data, x[None, None])[0, 0], start[0, 0], steps=12)
    np.testing.assert_allclose(found.iterates, whole.iterates[0, 0], rtol=1e-10)
    np.testing.assert_allclose(found.values, whole.values[0, 0], rtol=1e-10)
    assert found.value == found.values.min()
    np.testing.assert_array_equal(found.x, found.iterates[found.values.argmin()])


def test_saved_and_loaded(descent, tmp_path):
    descent.save(tmp_path / "policy.npz")
    again = PredictedStepDescent.load(tmp_path / "policy.npz")
    assert again.about == {"family": "logistic"}
    for name, theirs in descent.policy.arrays().items():
        np.testing.assert_allclose(again.policy.arrays()[name], theirs, rtol=1e-6)
    assert (tmp_path / "policy.npz").stat().st_size < 100_000


def test_a_policy_with_plain_inputs_and_a_bias_is_saved_too(tmp_path):
    policy = new_policy(np.ones([2, 9]), 2, 0, history=3, compressed=False, output_bias=True)
    policy = policy._replace(second_bias=np.array([0.5, -1.0]))
    PredictedStepDescent(policy).save(tmp_path / "policy.npz")
    again = PredictedStepDescent.load(tmp_path / "policy.npz").policy
    assert again.scale is None and again.history == 3
    seen = np.arange(9.0)
    np.testing.assert_allclose(again(seen), policy(seen), rtol=1e-5)


def test_a_wrong_dimension_says_which_is_right(descent):
    with pytest.raises(ValueError, match=r"`x0` must have the shape \[4\].*'logistic'.*Received: shape \[3\]"):
        descent.minimize(bowl, [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("objective", "steps", "message"),
    [
        (lambda x: x**2, 5, "must return a scalar"),
        (lambda x: tf.constant(1.0), 5, "does not depend on x"),
        (lambda x: np.sum(x.numpy() ** 2), 5, "does not depend on x"),
        (bowl, 0, "Argument `steps` must be"),
    ],
)
def test_bad_objectives(descent, objective, steps, message):
    with pytest.raises(ValueError, match=message):
        descent.minimize(objective, np.zeros(4), steps)


def test_a_gradient_that_is_not_dense_is_as_good(descent):
    dense = descent.minimize(bowl, np.zeros(4), 5)
    gathered = descent.minimize(lambda x: bowl(tf.gather(x, [0, 1, 2, 3])), np.zeros(4), 5)
    np.testing.assert_array_equal(gathered.iterates, dense.iterates)


def test_a_value_that_is_no_number_is_never_the_best(descent):
    found = descent.minimize(lambda x: tf.math.log(x[0] + 1.0) + 0.0 * tf.reduce_sum(x), np.full(4, -0.9), steps=5)
    assert np.isfinite(found.value)


@pytest.mark.parametrize("content", [b"", b"no numbers", b"PK\x03\x04"])
def test_a_file_that_holds_no_policy(tmp_path, content):
    path = tmp_path / "policy.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no policy"):
        PredictedStepDescent.load(path)


def test_pickles_are_not_read(tmp_path):
    path = tmp_path / "policy.npz"
    np.savez(path, scale=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="holds no policy"):
        PredictedStepDescent.load(path)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ValueError, match=r"must be one of .*logistic.*Received: 'logistics'"):
        PredictedStepDescent.load("logistics")


@pytest.mark.parametrize("name", ["logistic", "robust", "classifier"])
def test_the_shipped_policies_descend(name):
    descent = PredictedStepDescent.load(name)
    functions = FAMILIES[name].sample(20, [7, 7])
    start = starts(20, 1, functions.dimension, [7, 8])
    found = run(functions, descent.policy, start, 100, descent.policy.history)
    assert np.isfinite(found.values).all()
    assert found.values[..., -1].mean() < 0.75 * found.values[..., 0].mean()
