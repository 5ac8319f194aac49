"""What users do with exported optimizers of Keras: the files "keras" and "tensorflow"."""

import importlib.util
import inspect

import numpy as np
import paths
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.keras_versions import BACKEND, KERAS_3, keras

pytestmark = pytest.mark.skipif(not paths.OF_KERAS, reason="no file for this Keras")
of_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has such gradients")
each_framework = pytest.mark.parametrize("framework", paths.OF_KERAS)
# Without running averages, and with.
each_rule = pytest.mark.parametrize("rule", list(map(parse_formula, ["g + 1e-1*w - 1e-1*w", "Adam"])), ids=str)


def new(rule, framework, learning_rate=0.1, **arguments):
    return paths.make(rule, framework, learning_rate=learning_rate, **arguments)


def apply(optimizer, gradient, value=None):
    """The weights after one step from ones, or from a value."""
    w = paths.new_variable(np.ones([5, 1], np.float32) if value is None else np.array(value, np.float32))
    optimizer.apply_gradients([(gradient, w)])
    return paths.to_numpy(w)


@each_framework
@each_rule
@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), np.array(0.5), np.int64(2), 2], ids=repr)
def test_numbers_of_numpy_as_learning_rate(rule, framework, number):
    optimizer = new(rule, framework, learning_rate=number)
    w = apply(optimizer, paths.new_tensor(np.ones([5, 1], np.float32)))
    np.testing.assert_allclose(w, 1 - float(number), rtol=1e-5)
    assert optimizer.get_config()["learning_rate"] == float(number)


@each_framework
@pytest.mark.parametrize("formula", ["drop(ld * g, 0.5)", "drop(ld * Adam, 0.5)"])
def test_numbers_of_numpy_as_other_arguments(framework, formula):
    optimizer = new(parse_formula(formula), framework, decay_steps=np.int64(9), seed=np.int32(-3))
    again = type(optimizer).from_config(optimizer.get_config())
    assert [(type(n), n) for n in (again.decay_steps, again.seed)] == [(int, 9), (int, -3)]


@each_framework
@pytest.mark.parametrize("formula", ["ld * g", "ld * Adam"])
@pytest.mark.parametrize("decay_steps", [None, 0, -1, 2.5, np.float32(3)])
def test_decay_steps_are_required_where_t_over_T_is_read(framework, formula, decay_steps):
    with pytest.raises(ValueError, match=r"^Argument `decay_steps` must be an int > 0\. Received: "):
        new(parse_formula(formula), framework, decay_steps=decay_steps)


@of_tensorflow
@each_framework
@each_rule
@pytest.mark.parametrize("clip", [{}, {"clipvalue": 1.5}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}], ids=str)
@pytest.mark.parametrize("shape", [(5, 1), None])
def test_a_sparse_gradient_is_summed_before_it_is_clipped(rule, framework, clip, shape):
    import tensorflow as tf

    values, rows = tf.constant([[1.0], [1.0], [2.0]]), tf.constant([1, 3, 3])
    sparse = tf.IndexedSlices(values, rows, shape)
    dense = tf.constant([[0.0], [1.0], [0.0], [3.0], [0.0]])
    got, expected = (apply(new(rule, framework, **clip), g) for g in (sparse, dense))
    np.testing.assert_array_equal(got, expected)
    if not clip and not rule.averages:
        np.testing.assert_allclose(got[:, 0], [1, 0.9, 1, 0.7, 1], rtol=1e-6)


@of_tensorflow
@each_framework
@each_rule
def test_a_gradient_whose_shape_is_not_known_before(rule, framework):
    import tensorflow as tf

    optimizer, w = new(rule, framework), paths.new_variable(np.ones(2, np.float32))
    optimizer.build([w])
    signature = [tf.TensorSpec(None)]
    tf.function(lambda g: optimizer.apply_gradients([(g, w)]), input_signature=signature)(tf.constant([1.0, -1.0]))
    np.testing.assert_allclose(paths.to_numpy(w), [0.9, 1.1], rtol=1e-5)


@each_framework
@each_rule
def test_a_gradient_that_broadcasts(rule, framework):
    w = apply(new(rule, framework), paths.new_tensor(np.float32(1)), [1.0, 2.0])
    np.testing.assert_allclose(w, [0.9, 1.9], rtol=1e-5)


@each_framework
@each_rule
def test_exclusion_from_weight_decay_after_build_is_as_in_stock(rule, framework):
    def try_to_exclude(optimizer):
        variables = [paths.new_variable(np.ones(1, np.float32)) for _ in range(2)]
        optimizer.build(variables)
        try:
            optimizer.exclude_from_weight_decay(var_list=variables[:1])
        except ValueError as error:
            return str(error)
        optimizer.apply_gradients([(paths.new_tensor(np.zeros(1)), w) for w in variables])
        return [float(paths.to_numpy(w)[0]) for w in variables]

    expected = try_to_exclude(keras.optimizers.Adam(0.1, weight_decay=0.5))
    assert try_to_exclude(new(rule, framework, weight_decay=0.5)) == expected
    assert (expected == pytest.approx([1.0, 0.95])) == KERAS_3


@each_framework
@each_rule
def test_nothing_is_used_that_only_later_versions_of_keras_have(monkeypatch, rule, framework):
    for each in keras.optimizers.Optimizer.__mro__:
        if "add_optimizer_variables" in vars(each):  # since Keras 3.10
            monkeypatch.delattr(each, "add_optimizer_variables")
    w = apply(new(rule, framework), paths.new_tensor(np.ones([5, 1], np.float32)))
    np.testing.assert_allclose(w, 0.9, rtol=1e-5)


@each_framework
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes(framework, dtype):
    weights = []
    rule = parse_formula("(Adam + ld * gamma + rd_20) / (2 + 1e-3*w) + exp(2 ^ cd)")
    for optimizer in (new(rule, framework), paths.RuleOptimizer(rule, **{**paths.ARGUMENTS, "learning_rate": 0.1})):
        w = paths.new_variable(np.ones(4), dtype)
        optimizer.apply_gradients([(paths.new_tensor(np.array([1.0, -2.0, 3.0, 0.5]), dtype), w)])
        weights.append(np.array(paths.to_numpy(w), float))
    # Two units in the last place of the 1 that they come from: a path may round its averages or not.
    np.testing.assert_allclose(*weights, rtol=1e-6, atol={"float16": 2e-3, "bfloat16": 1.6e-2, "float64": 0.0}[dtype])


@each_framework
@pytest.mark.parametrize("formula", ["Adam", "g / sqrt(v_max)"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_averages_are_read_before_they_are_rounded_to_half_precision(framework, formula, dtype):
    w = paths.new_variable(1.0, dtype)
    optimizer = new(parse_formula(formula), framework, learning_rate=0.5)
    optimizer.apply_gradients([(paths.new_tensor(1e-3, dtype), w)])  # v is 1e-9, which in float16 is 0
    np.testing.assert_allclose(float(paths.to_numpy(w)), 0.5, rtol=1e-2)


@of_tensorflow
@each_framework
@each_rule
def test_bfloat16_needs_no_kernel_that_a_gpu_lacks(rule, framework):
    import tensorflow as tf

    optimizer, w = new(rule, framework), paths.new_variable(np.ones(4), "bfloat16")
    optimizer.build([w])
    graph = tf.function(lambda g: optimizer.apply_gradients([(g, w)]))
    operations = graph.get_concrete_function(tf.TensorSpec(w.shape, "bfloat16")).graph.get_operations()
    assert not [one.type for one in operations if one.type.startswith("ResourceApply")]


def load_file(rule, framework, path):
    """As a user imports it."""
    path.write_text(rule.to_source("MyOptimizer", framework, schedule="cosine, warm-up 0.3"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each_framework
@pytest.mark.parametrize("formula", ["ld * drop(m, 0.1) / (exp(g^2) + eps)", "drop(ld * g, 0.1)"])
def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(framework, formula, tmp_path):
    mine = load_file(parse_formula(formula), framework, tmp_path / "mine.py")
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    rate = mine.MyOptimizerSchedule(8, 0.1)
    model.compile(optimizer=mine.MyOptimizer(rate, decay_steps=8, seed=3, weight_decay=0.01), loss="mse")
    model.fit(x, x[:, :1], batch_size=8, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is mine.MyOptimizer
    assert type(again.optimizer._learning_rate) is mine.MyOptimizerSchedule
    for each in (model, again):
        each.fit(x, x[:, :1], batch_size=8, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)
    if KERAS_3:  # It does not save what is excluded.
        again.optimizer.exclude_from_weight_decay(var_names=["bias"])


@each_framework
def test_what_every_keras_optimizer_takes(framework):
    rule = parse_formula("m + g^3")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)
    for arguments in ({"weight_decay": 0.1, "clipnorm": 0.5}, {"learning_rate": schedule}, {"use_ema": True}):
        exported, ours = new(rule, framework, **arguments), {**paths.ARGUMENTS, "learning_rate": 0.1, **arguments}
        path = paths.keras_path(exported)
        expected = paths.keras_path(paths.RuleOptimizer(rule, **ours))
        for a, b in zip(path, expected):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX compiles so")
@each_rule
def test_without_state_and_compiled(rule):
    import jax

    optimizer, w = new(rule, "keras"), paths.new_variable(np.ones(2, np.float32))
    optimizer.build([w])
    state = [v.value for v in optimizer.variables]
    (got,), state = jax.jit(optimizer.stateless_apply)(state, [np.array([1.0, -1.0], np.float32)], [w.value])
    np.testing.assert_allclose(got, [0.9, 1.1], rtol=1e-5)


@each_framework
@pytest.mark.parametrize(
    ("formula", "arguments", "averages"),
    [
        ("g", [], 0),
        ("1e-2*w", [], 0),
        ("sign(m)", ["beta_1"], 1),
        ("ld * Adam", ["decay_steps", "beta_1", "beta_2", "epsilon"], 2),
        ("drop(gamma, 0.3) + eps_t * rd_10", ["decay_steps", "seed", "beta_3"], 1),
    ],
)
def test_only_what_the_rule_reads(framework, formula, arguments, averages):
    optimizer = new(parse_formula(formula), framework)
    assert list(inspect.signature(type(optimizer)).parameters) == ["learning_rate", *arguments, "kwargs"]
    optimizer.build([paths.new_variable(np.zeros(3, np.float32))])
    variables = optimizer.variables if isinstance(optimizer.variables, list) else optimizer.variables()
    assert sum(tuple(v.shape) == (3,) for v in variables) == averages
