"""The constants of a rule as arguments of exported optimizers, and what files keep beside m, v and gamma."""

import numpy as np
import paths
import pytest

from neural_optimizer_search import RuleOptimizer, parse_formula
from neural_optimizer_search.keras_versions import BACKEND

each_framework = pytest.mark.parametrize("framework", paths.FRAMEWORKS)
ADAN = "(m + 0.92 * change_0.92) / sqrt(n_0.92)"


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@each_framework
def test_an_argument_takes_the_place_of_the_rule_s_constant(framework):
    ours = paths.path_of(parse_formula("Adam, beta_2=0.9"), framework, beta_1=np.float32(0.5), epsilon=1)
    assert_same(ours, paths.path_of(parse_formula("Adam, beta_1=0.5, beta_2=0.9, epsilon=1"), framework))
    assert not np.allclose(ours[0], paths.path_of(parse_formula("Adam"), framework)[0])


@each_framework
@pytest.mark.parametrize("beta", ["beta_1", "beta_2"])
def test_no_average_at_all(framework, beta):
    """With β = 0, whose logarithm is none, an average is what it averages."""
    gradients = [np.array([[3.0, -2.0], [0.5, 4.0]], np.float32)]
    weights = [np.zeros(2, np.float32)]
    (path,) = paths.path_of(parse_formula("m + v"), framework, gradients, weights, learning_rate=1.0, **{beta: 0.0})
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients[0]):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat = g if beta == "beta_1" else m / (1 - 0.9 ** (t + 1))
        v_hat = g**2 if beta == "beta_2" else v / (1 - 0.999 ** (t + 1))
        np.testing.assert_allclose(path[t], (path[t - 1] if t else 0.0) - m_hat - v_hat, rtol=1e-4)


@each_framework
@pytest.mark.parametrize(
    ("argument", "value"), [("beta_1", 1.0), ("beta_1", -0.1), ("beta_2", float("nan")), ("epsilon", 0.0)]
)
def test_constants_out_of_range_are_refused(framework, argument, value):
    with pytest.raises(ValueError, match=rf"^Argument `{argument}` must be a number .*\. Received: {value}\.$"):
        paths.path_of(parse_formula("Adam"), framework, **{argument: value})


@each_framework
def test_a_gradient_that_is_not_there_at_first(framework):
    """The change of the first gradient is 0, whatever is kept as the one before it."""
    gradients, weights = [np.full((3, 2), 4.0, np.float32)], [np.zeros(2, np.float32)]
    (path,) = paths.path_of(parse_formula("change_0.5"), framework, gradients, weights)
    np.testing.assert_array_equal(path, np.zeros((3, 2)))


# -- Of one framework ------------------------------------------------------------------------------


@pytest.mark.skipif(not paths.OF_KERAS, reason="no file for this Keras")
@pytest.mark.parametrize("framework", paths.OF_KERAS)
def test_a_config_has_the_constants(framework):
    optimizer = paths.make(parse_formula(ADAN), framework, beta_1=0.5, epsilon=np.float32(0.25))
    config = optimizer.get_config()
    assert {name: config[name] for name in ("beta_1", "beta_3", "epsilon")} == {
        "beta_1": 0.5, "beta_3": 0.999, "epsilon": 0.25
    }  # fmt: skip
    assert_same(paths.keras_path(type(optimizer).from_config(config)), paths.keras_path(optimizer))


def traced(optimizer, w):
    """A step as a function of the gradient, which TensorFlow traces."""
    optimizer.build([w])

    def step(g):
        optimizer.apply_gradients([(g, w)])

    if BACKEND != "tensorflow":
        return step
    import tensorflow as tf

    return tf.function(step)


@pytest.mark.skipif(not paths.OF_KERAS, reason="no file for this Keras")
@pytest.mark.parametrize("framework", paths.OF_KERAS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes(framework, dtype):
    """Also where a step is traced."""
    rule = parse_formula(
        f"trust({ADAN}) + cautious(m / sqrt(v_max) + normalize(belief)) + drop(g, 0.0) + max(g, 0.5)"
    )
    weights = []
    for optimizer in (paths.make(rule, framework, learning_rate=0.1), RuleOptimizer(rule, 0.1, seed=-7)):
        w = paths.new_variable(np.ones(4), dtype)
        step = traced(optimizer, w)
        for g in ([1.0, -2.0, 3.0, 0.5], [-0.5, 1.0, 2.0, 4.0]):
            step(paths.new_tensor(np.array(g), dtype))
        weights.append(np.array(paths.to_numpy(w), float))
    atol = {"float16": 4e-3, "bfloat16": 3.2e-2, "float64": 0.0}[dtype]
    np.testing.assert_allclose(*weights, rtol=1e-6, atol=atol)


@pytest.mark.skipif("torch" not in paths.FRAMEWORKS, reason="PyTorch is not installed")
def test_groups_of_pytorch_have_constants_of_their_own():
    import torch

    a, b = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
    groups = [{"params": [a]}, {"params": [b], "beta_1": 0.0}]
    optimizer = paths.make(parse_formula("m"), "torch", params=groups, learning_rate=1.0, beta_1=0.5)
    for g in (3.0, 0.0):
        a.grad = b.grad = torch.full([2], g)
        optimizer.step()
    # The averages are 1.5 / 0.5 and 0.75 / 0.75; 3 and 0.
    np.testing.assert_allclose([a.detach(), b.detach()], [[-4, -4], [-3, -3]], rtol=1e-6)


@pytest.mark.skipif("optax" not in paths.FRAMEWORKS, reason="optax is not installed")
def test_constants_are_hyperparameters_of_optax():
    import jax
    import jax.numpy as jnp
    import optax

    rule = parse_formula("Adam")
    optimizer = optax.inject_hyperparams(paths.load(rule, "optax")["MyOptimizer"])(
        learning_rate=0.1, beta_1=lambda count: jnp.where(count < 1, 0.5, 0.75)
    )
    params = jnp.zeros(2)
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    # m is 1.5 / 0.5 and 1.875 / 0.4375, the root of v 3.
    for expected in (-0.1, -0.1 / 0.7):
        updates, state = update(jnp.full(2, 3.0), state)
        np.testing.assert_allclose(updates, [expected, expected], rtol=1e-4)
    assert {"learning_rate", "beta_1", "beta_2", "epsilon"} <= set(state.hyperparams)
    np.testing.assert_allclose(state.hyperparams["beta_1"], 0.75)
