"""What users do with an exported `GradientTransformation`."""

import numpy as np
import paths
import pytest

from neural_optimizer_search import parse_formula

optax = pytest.importorskip("optax")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

each_rule = pytest.mark.parametrize("rule", list(map(parse_formula, ["g + 1e-1*w - 1e-1*w", "Adam"])), ids=str)
RANDOM = parse_formula("drop(ld * m, 0.5) + eps")


def run(optimizer, gradients, params, state=None):
    """The parameters and the state after compiled steps."""
    state = optimizer.init(params) if state is None else state

    @jax.jit
    def step(g, state, params):
        updates, state = optimizer.update(g, state, params)
        return optax.apply_updates(params, updates), state

    for g in gradients:
        params, state = step(g, state, params)
    return params, state


@each_rule
def test_nested_parameters_some_of_them_none(rule):
    params = {"a": jnp.ones(2), "b": (jnp.ones([]), None), "c": {"d": jnp.ones([1, 2])}}
    got, _ = run(paths.make(rule, "optax", learning_rate=0.1), [jax.tree.map(jnp.ones_like, params)], params)
    for leaf in jax.tree.leaves(got):
        np.testing.assert_allclose(leaf, 0.9 * np.ones_like(leaf), rtol=1e-5)
    assert jax.tree.structure(got) == jax.tree.structure(params)


@each_rule
def test_a_parameter_without_a_gradient(rule):
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    optimizer = paths.make(rule, "optax", learning_rate=0.1)
    updates, state = optimizer.update({"a": jnp.ones(2), "b": None}, optimizer.init(params), params)
    assert updates["b"] is None
    np.testing.assert_allclose(updates["a"], [-0.1, -0.1], rtol=1e-5)
    optimizer.update({"a": jnp.ones(2), "b": jnp.ones(3)}, state, params)


@each_rule
def test_in_a_chain_with_others(rule):
    scale = paths.load(rule, "optax")["scale_by_my_optimizer"]
    masked = optax.masked(scale(), {"a": True, "b": False})
    optimizer = optax.chain(optax.clip(1.0), masked, optax.add_decayed_weights(0.5), optax.scale(-0.1))
    got, _ = run(optimizer, [{"a": jnp.ones(2), "b": 9 * jnp.ones(2)}], {"a": jnp.ones(2), "b": jnp.ones(2)})
    np.testing.assert_allclose([got["a"], got["b"]], 0.85 * np.ones([2, 2]), rtol=1e-5)


def test_learning_rates():
    for rate in (np.float32(0.5), np.array(0.5), jnp.float32(0.5), lambda count: 0.5):
        got, _ = run(paths.make(parse_formula("g"), "optax", learning_rate=rate), [jnp.ones(2)], jnp.ones(2))
        np.testing.assert_allclose(got, [0.5, 0.5])
    injected = optax.inject_hyperparams(paths.load(parse_formula("g"), "optax")["MyOptimizer"])(learning_rate=0.5)
    np.testing.assert_allclose(run(injected, [jnp.ones(2)], jnp.ones(2))[0], [0.5, 0.5])


@pytest.mark.parametrize("decay_steps", [None, 0, 2.5])
@pytest.mark.parametrize("formula", ["ld * g", "ld * Adam"])
def test_decay_steps_are_required_where_t_over_T_is_read(formula, decay_steps):
    with pytest.raises(ValueError, match=r"^Argument `decay_steps` must be an int > 0\. Received: "):
        paths.make(parse_formula(formula), "optax", decay_steps=decay_steps)
    paths.make(parse_formula(formula), "optax", decay_steps=np.int64(3))


@pytest.mark.parametrize("formula", ["drop(ld * g, 0.5)", "rd_10 * Adam + cd_1"])
def test_decay_steps_are_a_hyperparameter_too(formula):
    make, gradients = paths.load(parse_formula(formula), "optax")["MyOptimizer"], [jnp.ones(9)] * 4
    expected, _ = run(make(decay_steps=3), gradients, jnp.ones(9))
    for steps in (3, lambda count: 3):
        got, _ = run(optax.inject_hyperparams(make)(decay_steps=steps), gradients, jnp.ones(9))
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_the_parameters_are_needed_only_where_the_rule_reads_them():
    optimizer = paths.make(parse_formula("1e-2*w"), "optax")
    with pytest.raises(ValueError, match="parameters"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
    optimizer = paths.make(parse_formula("Adam"), "optax")
    optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))


@each_rule
def test_a_gradient_that_broadcasts(rule):
    got, _ = run(paths.make(rule, "optax", learning_rate=0.1), [jnp.float32(1)], jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(got, [0.9, 1.9], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    """The averages have the dtype of the parameters; the equation is computed in float32."""
    params = jnp.ones(2, dtype)
    got, state = run(
        paths.make(parse_formula("Adam"), "optax", learning_rate=0.5), [jnp.array([1, 0], dtype)], params
    )
    assert got.dtype == state[0].m.dtype == dtype
    np.testing.assert_allclose(np.asarray(got, float), [0.5, 1.0])  # not NaN, as 0/(0 + 1e-8) were in float16


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped():
    optimizer, params = paths.make(RANDOM, "optax"), [jnp.ones(50), jnp.ones(50)]
    gradients = [[jnp.full(50, float(i)), jnp.full(50, -1.0)] for i in range(6)]
    whole, _ = run(optimizer, gradients, params)
    half, state = run(optimizer, gradients[:3], params)
    state = jax.tree.map(jnp.asarray, jax.tree.map(np.asarray, state))  # as if it had been written and read
    np.testing.assert_array_equal(whole, run(paths.make(RANDOM, "optax"), gradients[3:], half, state)[0])


@pytest.mark.parametrize(
    ("formula", "fields"),
    [("g", ["count"]), ("ld * Adam", ["count", "m", "v"]), ("gamma + eps", ["count", "gamma"])],
)
def test_only_what_the_rule_reads(formula, fields):
    assert list(paths.make(parse_formula(formula), "optax").init(jnp.ones(2))[0]._fields) == fields


def test_a_rule_that_reads_the_decayed_weights():
    """Parameters without a gradient stay, and half precision stays half precision."""
    names = {"__name__": "exported"}
    exec(parse_formula("|w| * g").to_source("MyOptimizer", "optax", 0.5, weight_decay=0.2), names)
    params = {"a": jnp.full(2, 2.0, jnp.bfloat16), "b": jnp.ones(3)}
    optimizer = names["MyOptimizer"](lambda count: 0.5, weight_decay=0.2)
    updates, _ = jax.jit(optimizer.update)(
        {"a": jnp.ones(2, jnp.bfloat16), "b": None}, optimizer.init(params), params
    )
    assert updates["b"] is None and updates["a"].dtype == "bfloat16"
    np.testing.assert_allclose(np.asarray(updates["a"], float), [-1.1, -1.1], rtol=1e-2)  # 2 -> 1.8, and half of it
    with pytest.raises(ValueError, match="parameters"):
        optimizer.update(params, optimizer.init(params))
