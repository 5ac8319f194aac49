"""PowerSign and AddSign against numbers by hand, a NumPy loop and TensorFlow's own kernels."""

import math

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.decays import Decay
from neural_optimizer_search.optimizers import AddSign, PowerSign, RuleOptimizer

T = 24
STEPS = 40


def numpy_decay(name, t):
    kind, _, n = (name or "one").partition("_")
    n = float(n or 0.5)
    return {
        "one": lambda: 1.0,
        "ld": lambda: 1 - min(t, T) / T,
        "cd": lambda: 0.5 * (1 + math.cos(2 * math.pi * n * min(t, T) / T)),
        "rd": lambda: 0.5 * (1 + math.cos(math.pi * (t * n % T) / T)) if t < T else 0.0,
    }[kind]()


def numpy_power_sign(w, gradients, learning_rate, base=math.e, beta=0.9, decay=None):
    m = np.zeros_like(w)
    for t, g in enumerate(gradients):
        m = beta * m + (1 - beta) * g
        w = w - learning_rate * base ** (numpy_decay(decay, t) * np.sign(g) * np.sign(m)) * g
        yield w


def numpy_add_sign(w, gradients, learning_rate, alpha=1.0, beta=0.9, decay=None):
    m = np.zeros_like(w)
    for t, g in enumerate(gradients):
        m = beta * m + (1 - beta) * g
        w = w - learning_rate * (alpha + numpy_decay(decay, t) * np.sign(g) * np.sign(m)) * g
        yield w


def flipping_gradients():
    """STEPS x 8: random with zeros; of one sign, with rare opposites; alternating; always zero."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(STEPS, 8))
    gradients[:, :3] *= rng.random((STEPS, 3)) < 0.7
    gradients[:, 3:5] = np.abs(gradients[:, 3:5]) * np.where(rng.random((STEPS, 2)) < 0.15, -1, 1)
    gradients[:, 5] = np.abs(gradients[:, 5]) * (-1) ** np.arange(STEPS)
    gradients[:, 7] = 0.0
    return gradients.astype(np.float32).astype(np.float64)


GRADIENTS = flipping_gradients()
START = np.linspace(-1.0, 1.0, 8)
REFERENCE = {PowerSign: numpy_power_sign, AddSign: numpy_add_sign}
BOTH = pytest.mark.parametrize("optimizer_class", [PowerSign, AddSign])
DECAYS = pytest.mark.parametrize("decay", [None, "ld", "cd", "cd_2", "rd_10"])


def run(optimizer, gradients=GRADIENTS, start=START):
    """The weights after each step."""
    w = tf.Variable(start, dtype=tf.float32)
    for g in gradients:
        optimizer.apply_gradients([(tf.constant(g, tf.float32), w)])
        yield w.numpy()


def assert_same_path(ours, theirs):
    np.testing.assert_allclose(np.stack(list(ours)), np.stack(list(theirs)), rtol=2e-5, atol=2e-6)


def decay_arguments(decay):
    return {"decay": decay, "decay_steps": T} if decay else {}


# -- The update ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "gradients", "expected"),
    [
        # m is 0.1 and 0.04: the signs agree, then differ. A zero gradient does nothing.
        (PowerSign(0.1, base=2.0), [1.0, -0.5, 0.0], [0.8, 0.825, 0.825]),
        (AddSign(0.1), [1.0, -0.5, 0.0], [0.8, 0.8, 0.8]),
        (AddSign(0.1, alpha=2.0), [1.0, -0.5, 0.0], [0.7, 0.75, 0.75]),
        # beta = 0: m is g, the signs always agree.
        (AddSign(0.1, beta=0.0), [1.0, -0.5], [0.8, 0.9]),
        # ld is 1, 1/2, 0, 0: 4 to the power of it is 4, 2, 1, 1.
        (PowerSign(0.1, base=4.0, decay="ld", decay_steps=2), [1.0] * 4, [0.6, 0.4, 0.3, 0.2]),
        (AddSign(0.1, decay=Decay("ld"), decay_steps=2), [1.0] * 4, [0.8, 0.65, 0.55, 0.45]),
    ],
)
def test_steps_by_hand(optimizer, gradients, expected):
    weights = list(run(optimizer, gradients, start=1.0))
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_the_gradients_of_these_tests_tell_rules_apart():
    m, agreements = np.zeros(8), []
    for g in GRADIENTS:
        m = 0.9 * m + 0.1 * g
        agreements.append(np.sign(g) * np.sign(m))
    for outcome in (-1, 0, 1):
        assert np.sum(np.array(agreements) == outcome) > STEPS // 2


@DECAYS
@BOTH
def test_equals_numpy_past_T_too(optimizer_class, decay):
    reference = REFERENCE[optimizer_class](START, GRADIENTS, 0.05, decay=decay)
    assert_same_path(run(optimizer_class(0.05, **decay_arguments(decay))), reference)


@pytest.mark.parametrize(
    ("optimizer_class", "arguments"),
    [
        (PowerSign, {"base": 10.0, "beta": 0.5}),
        (PowerSign, {"base": 0.5, "beta": 0.0}),
        (AddSign, {"alpha": 2.0, "beta": 0.99}),
        (AddSign, {"alpha": -0.5, "beta": 0.7}),
    ],
)
def test_hyperparameters_equal_numpy(optimizer_class, arguments):
    reference = REFERENCE[optimizer_class](START, GRADIENTS, 0.05, decay="cd", **arguments)
    assert_same_path(run(optimizer_class(0.05, decay="cd", decay_steps=T, **arguments)), reference)


@DECAYS
@BOTH
def test_equals_the_kernels_of_tensorflow(optimizer_class, decay):
    ops = {
        PowerSign: (tf.raw_ops.ResourceApplyPowerSign, {"logbase": math.log(3.0)}),
        AddSign: (tf.raw_ops.ResourceApplyAddSign, {"alpha": 1.5}),
    }
    op, constants = ops[optimizer_class]
    arguments = {PowerSign: {"base": 3.0}, AddSign: {"alpha": 1.5}}[optimizer_class]

    def kernel():
        w, m = tf.Variable(START, dtype=tf.float32), tf.Variable(tf.zeros(8))
        for t, g in enumerate(GRADIENTS):
            op(
                var=w.handle, m=m.handle, lr=0.05, beta=0.8, grad=tf.constant(g, tf.float32),
                sign_decay=numpy_decay(decay, t), **constants,
            )  # fmt: skip
            yield w.numpy()

    optimizer = optimizer_class(0.05, beta=0.8, **arguments, **decay_arguments(decay))
    assert_same_path(run(optimizer), kernel())


@pytest.mark.parametrize(
    ("optimizer", "formula", "reference"),
    [
        (PowerSign(0.05), "exp(sign(g) * sign(m)) * g", numpy_power_sign),
        (AddSign(0.05), "(1 + sign(g) * sign(m)) * g", numpy_add_sign),
        (PowerSign(0.05, decay="cd", decay_steps=T), "exp(cd * sign(g) * sign(m)) * g", None),
        (PowerSign(0.05, 2.0, decay="rd_10", decay_steps=T), "2^(rd_10*sign(g)*sign(m)) * g", None),
        (AddSign(0.05, 2.0, decay="ld", decay_steps=T), "(2 + ld * sign(g) * sign(m)) * g", None),
        # The sign of the bias-corrected average is that of the average.
        (AddSign(0.05), "(1 + sign(g * m)) * g", numpy_add_sign),
    ],
)
def test_equals_the_rule_of_the_same_formula(optimizer, formula, reference):
    path = list(run(optimizer))
    assert_same_path(run(RuleOptimizer(formula, 0.05, decay_steps=T)), path)
    if reference:
        assert_same_path(path, reference(START, GRADIENTS, 0.05))


@pytest.mark.parametrize(
    ("dtype", "rtol"), [("float16", 2e-3), ("bfloat16", 2e-2), ("float32", 1e-6), ("float64", 1e-6)]
)
@BOTH
def test_other_dtypes(optimizer_class, dtype, rtol):
    w = tf.Variable([1.0, 1.0], dtype=dtype)
    optimizer = optimizer_class(0.125, **decay_arguments("ld"))
    gradients = np.array([[1.0, -1.0], [-0.5, -0.5]])
    for g in gradients:
        optimizer.apply_gradients([(tf.constant(g, dtype), w)])
    *_, expected = REFERENCE[optimizer_class](np.ones(2), gradients, 0.125, decay="ld")
    np.testing.assert_allclose(w.numpy().astype(float), expected, rtol=rtol)
    (m,) = [v for v in optimizer.variables if len(v.shape)]
    assert w.dtype == dtype and tf.as_dtype(m.dtype) == dtype


# -- Inside Keras ----------------------------------------------------------------------------------


def tiny_model():
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.Dense(8, activation="tanh"), tf.keras.layers.Dense(1)]
    return tf.keras.Sequential([tf.keras.Input((3,)), *layers])


def tiny_data():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    return x, (x[:, :1] - 0.5 * x[:, 1:2]).astype(np.float32)


@BOTH
def test_fit_lowers_the_loss(optimizer_class):
    model = tiny_model()
    model.compile(optimizer=optimizer_class(decay="ld", decay_steps=16), loss="mse")
    history = model.fit(*tiny_data(), batch_size=16, epochs=4, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    # One average each; the scalars are the iterations and, in Keras 3, the learning rate.
    averages = [tuple(v.shape) for v in model.optimizer.variables if len(v.shape)]
    assert sorted(averages) == sorted(w.shape for w in model.get_weights())
    assert int(model.optimizer.iterations.numpy()) == 16


@BOTH
def test_a_saved_model_trains_on_as_if_never_saved(optimizer_class, tmp_path):
    model, (x, y) = tiny_model(), tiny_data()
    model.compile(optimizer=optimizer_class(0.03, decay="cd_2", decay_steps=9), loss="mse")
    model.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    for each in (model, again):
        each.fit(x, y, batch_size=16, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


@BOTH
def test_config_round_trip(optimizer_class):
    own = {PowerSign: {"base": 3.0}, AddSign: {"alpha": 3.0}}[optimizer_class]
    common = {"learning_rate": 0.25, "weight_decay": 0.125, "clipnorm": 2.0, "name": "x"}
    given = {"beta": 0.5, "decay": "rd_10", "decay_steps": T, **own, **common}
    optimizer = optimizer_class(**given)
    again = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))
    assert type(again) is optimizer_class and again.get_config() == optimizer.get_config()
    config = again.get_config()
    assert {key: config[key] for key in given} == given
    assert_same_path(run(again), run(optimizer))


@BOTH
def test_defaults_round_trip(optimizer_class):
    config = optimizer_class().get_config()
    assert config["weight_decay"] is None and config["decay"] is None
    assert config["name"] == optimizer_class.__name__
    assert not config.get("jit_compile")
    assert optimizer_class.from_config(config).get_config() == config


@BOTH
def test_further_steps_trace_nothing(optimizer_class):
    w, v = tf.Variable([1.0, 2.0]), tf.Variable([[3.0]])
    optimizer, traces = optimizer_class(decay="ld", decay_steps=100), []

    @tf.function
    def train(x):
        traces.append(None)
        with tf.GradientTape() as tape:
            loss = x * tf.reduce_sum(w * w) + tf.reduce_sum(v * v)
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, v]), [w, v]))

    train(tf.constant(1.0))
    before, w_before = len(traces), w.numpy()
    train(tf.constant(2.0))
    optimizer.learning_rate = 0.01
    train(tf.constant(3.0))
    assert len(traces) == before
    assert np.all(w.numpy() < w_before)


def test_t_is_read_in_the_graph():
    w, optimizer = tf.Variable(0.0), AddSign(1.0, alpha=0.0, decay="ld", decay_steps=4)
    train = tf.function(lambda: optimizer.apply_gradients([(tf.constant(1.0), w)]))
    path = []
    for _ in range(5):
        train()
        path.append(float(w))
    np.testing.assert_allclose(path, [-1.0, -1.75, -2.25, -2.5, -2.5], rtol=1e-6)


@pytest.mark.parametrize(
    "clip", [{}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 0.5}]
)
@BOTH
def test_sparse_gradients_equal_dense_ones(optimizer_class, clip):
    start, ids = np.arange(10.0).reshape(5, 2) / 10, [[1, 1, 3], [3, 3, 3], [0, 1, 0]]
    sparse, dense = (tf.Variable(start, dtype=tf.float32) for _ in range(2))
    optimizers = optimizer_class(**clip), optimizer_class(**clip)
    for row in ids:
        values = tf.constant([[0.5, -1.0], [-0.2, -1.0], [0.4, 0.3]])
        gradient = tf.IndexedSlices(values, tf.constant(row), tf.constant([5, 2]))
        optimizers[0].apply_gradients([(gradient, sparse)])
        optimizers[1].apply_gradients([(tf.convert_to_tensor(gradient), dense)])
    np.testing.assert_allclose(sparse.numpy(), dense.numpy(), rtol=1e-6)
    assert not np.allclose(dense.numpy(), start)


@BOTH
def test_an_embedding_with_repeated_ids_equals_a_dense_product(optimizer_class):
    ids = np.array([[0, 2, 2, 1], [2, 2, 2, 2]])
    table = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    layer = tf.keras.layers.Embedding(4, 3)
    layer.build((None, 4))
    layer.set_weights([table])
    dense, tables = tf.Variable(table), []
    lookups = [(lambda: layer(ids), layer.trainable_variables[0])]
    lookups.append((lambda: tf.one_hot(ids, 4) @ dense, dense))
    for lookup, variable in lookups:
        optimizer = optimizer_class(0.1)
        for _ in range(4):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(lookup() ** 2)
            optimizer.apply_gradients([(tape.gradient(loss, variable), variable)])
        tables.append(variable.numpy())
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5)


@BOTH
def test_arguments_of_every_keras_optimizer(optimizer_class):
    (clipped,) = run(optimizer_class(0.1, clipnorm=1.0), [[3.0, 4.0]], start=[0.0, 0.0])
    (unit,) = run(optimizer_class(0.1), [[0.6, 0.8]], start=[0.0, 0.0])
    np.testing.assert_allclose(clipped, unit, rtol=1e-6)
    (decayed,) = run(optimizer_class(0.1, weight_decay=0.5), [0.0], start=1.0)
    np.testing.assert_allclose(decayed, 0.95, rtol=1e-6)
    (off,) = run(optimizer_class(0.1, weight_decay=0), [0.0], start=1.0)
    assert off == 1.0


def test_where_the_internal_decay_ends_the_update_is_that_of_sgd():
    for optimizer_class in (PowerSign, AddSign):
        optimizer = optimizer_class(1, decay="ld", decay_steps=1)
        assert list(run(optimizer, [0.0, 0.25, -0.5], start=1.0)) == [1.0, 0.75, 1.25]


def test_a_schedule_as_the_learning_rate():
    schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.5, 0.25])
    optimizer = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(AddSign(schedule)))
    np.testing.assert_allclose(list(run(optimizer, [1.0, 1.0], start=2.0)), [1.0, 0.5])


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer_class", "argument", "arguments"),
    [
        (PowerSign, "base", {"base": 0.0}),
        (PowerSign, "base", {"base": -2.0}),
        (PowerSign, "base", {"base": float("inf")}),
        (PowerSign, "base", {"base": "e"}),
        (PowerSign, "beta", {"beta": 1.0}),
        (PowerSign, "beta", {"beta": -0.1}),
        (AddSign, "beta", {"beta": float("nan")}),
        (AddSign, "alpha", {"alpha": float("nan")}),
        (AddSign, "alpha", {"alpha": None}),
        (PowerSign, "decay", {"decay": "xd", "decay_steps": 10}),
        (AddSign, "decay", {"decay": 3, "decay_steps": 10}),
        (PowerSign, "decay_steps", {"decay": "ld"}),
        (AddSign, "decay_steps", {"decay": "ld", "decay_steps": 0}),
        (AddSign, "decay_steps", {"decay": "ld", "decay_steps": 10.5}),
        (PowerSign, "decay_steps", {"decay_steps": 10}),
    ],
)
def test_arguments_out_of_range_are_refused(optimizer_class, argument, arguments):
    with pytest.raises(ValueError, match=rf"Argument `{argument}` must be .*Received: "):
        optimizer_class(**arguments)


def test_unknown_arguments_are_refused():
    with pytest.raises((TypeError, ValueError), match="momentum"):
        PowerSign(momentum=0.9)
