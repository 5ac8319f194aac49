"""What every optimizer must do by itself; a new one joins by a row in `rows.py`."""

import numpy as np
import pytest
import tensorflow as tf
from contracts.rows import GRADIENTS, ROWS, material, path, slots, start

# -- The update ------------------------------------------------------------------------------------


@ROWS
def test_steps_by_hand(row):
    weights = path(row.make(0.1, T=2), row.gradients, w=1.0)
    np.testing.assert_allclose(weights, row.weights, rtol=2e-6)


def parabola(w):
    return 0.5 * w[0] ** 2 + 5.0 * w[1] ** 2


def rosenbrock(w):
    return (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2


def minimized(optimizer, function, w, steps):
    w = tf.Variable(w)
    optimizer.build([w])

    def step(t):
        with tf.GradientTape() as tape:
            value = function(w)
        optimizer.apply_gradients([(tape.gradient(value, w), w)])
        return t + 1

    tf.function(lambda: tf.while_loop(lambda t: t < steps, step, [0]), autograph=False)()
    return float(function(w))


@ROWS
def test_converges_on_a_parabola(row):
    assert minimized(row.make(row.parabola, T=200), parabola, [1.0, 1.0], 200) < 1e-5


@ROWS
def test_converges_on_rosenbrock(row):
    # From 4; the valley's floor has 0.05 at w = (0.78, 0.61).
    assert minimized(row.make(row.rosenbrock, T=3000), rosenbrock, [-1.0, 1.0], 3000) < 0.05


@ROWS
def test_further_calls_trace_nothing_and_compute_what_eager_mode_does(row):
    w, optimizer, traces = tf.Variable(start(), dtype=tf.float32), row.make(), []

    @tf.function
    def train(g):
        traces.append(None)
        optimizer.apply_gradients([(g, w)])

    counts = []
    for g, expected in zip(GRADIENTS, path(row.make())):
        train(tf.constant(g, tf.float32))
        counts.append(len(traces))
        np.testing.assert_allclose(w.numpy(), expected, rtol=1e-6, atol=1e-7)
    optimizer.learning_rate = 0.0
    train(tf.constant(GRADIENTS[0], tf.float32))
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-6, atol=1e-7)
    assert {*counts, len(traces)} == {counts[0]}


@ROWS
def test_xla_computes_the_same(row):
    optimizer, w = row.make(), tf.Variable(start(), dtype=tf.float32)
    optimizer.build([w])

    @tf.function(jit_compile=True)
    def step(g):
        optimizer.apply_gradients([(g, w)])

    for g, expected in zip(GRADIENTS, path(row.make())):
        step(tf.constant(g, tf.float32))
        if not row.random:  # XLA draws other numbers.
            np.testing.assert_allclose(w.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations.numpy()) == len(GRADIENTS) and np.all(np.isfinite(w.numpy()))


# -- Weights and gradients of every kind -----------------------------------------------------------

SHAPES = [(), (6,), (2, 3), (0,), (1, 2, 1, 3)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 4e-3), ("bfloat16", 3e-2)])
@ROWS
def test_dtypes_and_shapes_stay(row, dtype, tolerance):
    def trained(dtype):
        weights = [tf.Variable(np.resize(start(), shape), dtype=dtype) for shape in SHAPES]
        optimizer = row.make()
        for g in GRADIENTS[:4]:
            optimizer.apply_gradients([(tf.constant(np.resize(g, w.shape), dtype), w) for w in weights])
        return weights, slots(optimizer)

    weights, averages = trained(dtype)
    assert [tuple(w.shape) for w in weights] == SHAPES and {w.dtype.name for w in weights} == {dtype}
    assert sorted(np.shape(a) for a in averages) == sorted([s for s in SHAPES if s] * row.slots)
    assert {a.dtype.name for a in averages} <= {dtype}
    for ours, exact in zip(weights, trained("float64")[0]):
        np.testing.assert_allclose(ours.numpy().astype(float), exact.numpy(), rtol=tolerance, atol=tolerance)


@ROWS
def test_complex_weights_are_refused(row):
    w = tf.Variable([1j], dtype=tf.complex64, name="phases")
    with pytest.raises(ValueError, match=r"must be real.* Received: 'phases.*' of dtype complex64"):
        row.make().apply_gradients([(tf.constant([1j], tf.complex64), w)])


def pair_of_paths(optimizer, gradients):
    """Both weights after each step; their gradients come in pairs, in which False leaves a weight out."""
    a, b = (tf.Variable(start(), dtype=tf.float32) for _ in range(2))
    optimizer.build([a, b])
    weights = []
    for pair in gradients:
        pairs = [(g if g is None else tf.constant(g, tf.float32), w) for g, w in zip(pair, (a, b)) if g is not False]
        optimizer.apply_gradients(pairs)
        weights.append((a.numpy(), b.numpy()))
    return np.array(weights)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("missing", [None, False], ids=["None", "left out"])
@ROWS
def test_a_weight_without_a_gradient_stays_as_it_is(row, missing):
    other = material(seed=1)
    both = pair_of_paths(row.make(), zip(GRADIENTS, other))
    optimizer = row.make()
    one = pair_of_paths(optimizer, zip([missing] * len(other), other))
    np.testing.assert_array_equal(one[:, 1], both[:, 1])
    assert np.all(one[:, 0] == start().astype(np.float32))
    assert sum(np.any(average) for average in slots(optimizer)) == row.slots


@ROWS
def test_no_gradient_at_all_is_an_error(row):
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        row.make().apply_gradients([(None, tf.Variable(1.0))])


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.5}, {"clipvalue": 0.25}, {"global_clipnorm": 0.5}], ids=str)
@ROWS
def test_sparse_gradients_equal_dense_ones(row, clip):
    table = np.arange(10.0).reshape(5, 2) / 10
    sparse, dense = (tf.Variable(table, dtype=tf.float32) for _ in range(2))
    optimizers = row.make(**clip), row.make(**clip)
    for ids in ([1, 1, 3], [3, 3, 3], [0, 1, 0]):
        values = tf.constant([[0.5, -1.0], [-0.25, -1.0], [0.5, 0.25]])
        gradient = tf.IndexedSlices(values, tf.constant(ids), tf.constant([5, 2]))
        optimizers[0].apply_gradients([(gradient, sparse)])
        optimizers[1].apply_gradients([(tf.convert_to_tensor(gradient), dense)])
    np.testing.assert_allclose(sparse.numpy(), dense.numpy(), rtol=1e-6)
    assert not np.allclose(dense.numpy(), table)


@ROWS
def test_an_embedding_with_repeated_ids_equals_a_dense_product(row):
    ids, table = np.array([[0, 2, 2, 1], [2, 2, 2, 2]]), np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32)
    layer = tf.keras.layers.Embedding(4, 3)
    layer.build((None, 4))
    layer.set_weights([table])
    dense = tf.Variable(table)
    lookups = [
        (lambda: layer(ids), layer.trainable_variables[0]),
        (lambda: tf.one_hot(ids, 4) @ dense, dense),
    ]
    tables = []
    for lookup, variable in lookups:
        optimizer = row.make(0.1)
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(lookup() ** 2) / 8
            optimizer.apply_gradients([(tape.gradient(loss, variable), variable)])
        tables.append(variable.numpy())
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5, atol=1e-6)
