"""What every optimizer must do by itself; a new one joins by a row in `rows.py`."""

import numpy as np
import pytest
from backends import (
    BACKEND,
    apply,
    array,
    compiled,
    dtype_of,
    float64,
    gradients_of,
    keras,
    minimize,
    sum_of,
    tensor,
    variable,
)
from contracts.rows import GRADIENTS, ROWS, SOME_ROWS, averages_of, material, path, slots, start

from neural_optimizer_search.keras_versions import VERSION

# -- The update ------------------------------------------------------------------------------------


@ROWS
def test_steps_by_hand(row):
    # Where a word drops a tenth of the numbers, one of these seeds drops none.
    seeds = [{"seed": seed} for seed in range(5)] if row.random else [{}]
    paths = [path(row.make(0.1, T=2, **seed), row.gradients, w=1.0) for seed in seeds]
    closest = min(paths, key=lambda weights: np.max(np.abs(weights - row.weights)))
    np.testing.assert_allclose(closest, row.weights, rtol=2e-6)


def parabola(w):
    return 0.5 * w[0] ** 2 + 5.0 * w[1] ** 2


def rosenbrock(w):
    return (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2


def minimized(optimizer, function, w, steps):
    w = variable(w)
    minimize(optimizer, lambda: function(w), [w], steps)
    return float(function(array(w)))


@ROWS
def test_converges_on_a_parabola(row):
    assert minimized(row.make(row.parabola, T=200), parabola, [1.0, 1.0], 200) < 1e-5


@ROWS
def test_converges_on_rosenbrock(row):
    # From 4; the valley's floor has 0.05 at w = (0.78, 0.61).
    assert minimized(row.make(row.rosenbrock, T=3000), rosenbrock, [-1.0, 1.0], 3000) < 0.05


@ROWS
def test_a_compiled_step_computes_the_same(row):
    optimizer, w = row.make(), variable(start())
    step = compiled(optimizer, [w])
    for g, expected in zip(GRADIENTS, path(row.make())):
        step([tensor(g)])
        if not (row.random and BACKEND == "tensorflow"):  # XLA draws other numbers than TensorFlow.
            np.testing.assert_allclose(array(w), expected, rtol=1e-5, atol=1e-6)
    assert int(array(optimizer.iterations)) == len(GRADIENTS) and np.all(np.isfinite(array(w)))


# -- Weights and gradients of every kind -----------------------------------------------------------

SHAPES = [(), (6,), (2, 3), (0,), (1, 2, 1, 3)]


@ROWS
def test_dtypes_and_shapes_stay(row):
    def trained(dtype):
        weights = [variable(np.resize(start(), shape), dtype) for shape in SHAPES]
        optimizer = row.make()
        for g in GRADIENTS[:4]:
            apply(optimizer, [tensor(np.resize(g, shape), dtype) for shape in SHAPES], weights)
        return weights, averages_of(optimizer)

    with float64():
        expected = [array(w) for w in trained("float64")[0]]
    for dtype, tolerance in (("float16", 4e-3), ("bfloat16", 3e-2)):
        weights, averages = trained(dtype)
        assert [tuple(w.shape) for w in weights] == SHAPES and {dtype_of(w) for w in weights} == {dtype}
        assert sorted(tuple(a.shape) for a in averages) == sorted([s for s in SHAPES if s] * row.slots)
        assert {dtype_of(average) for average in averages} <= {dtype}
        for ours, exact in zip(weights, expected):
            np.testing.assert_allclose(
                array(ours).astype(float), exact, rtol=tolerance, atol=tolerance, err_msg=dtype
            )


@pytest.mark.skipif(VERSION.startswith("3.5."), reason="Keras 3.5 has no complex weights.")
@ROWS
def test_complex_weights_are_refused(row):
    w = variable([1j], "complex64", name="phases")
    with pytest.raises(ValueError, match=r"must be real.* Received: 'phases.*' of dtype complex64"):
        apply(row.make(), [tensor([1j], "complex64")], [w])


def pair_of_paths(optimizer, gradients):
    """Both weights after each step; their gradients come in pairs, in which False leaves a weight out."""
    a, b = (variable(start()) for _ in range(2))
    optimizer.build([a, b])
    weights = []
    for pair in gradients:
        pairs = [(g if g is None else tensor(g), w) for g, w in zip(pair, (a, b)) if g is not False]
        apply(optimizer, *zip(*pairs))
        weights.append((array(a), array(b)))
    return np.array(weights)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("missing", [None, False], ids=["None", "left out"])
@SOME_ROWS
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
        apply(row.make(), [None], [variable(1.0)])


@ROWS
def test_an_embedding_with_repeated_ids_equals_a_dense_product(row):
    ids, table = np.array([[0, 2, 2, 1], [2, 2, 2, 2]]), np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32)
    layer = keras.layers.Embedding(4, 3)
    layer.build((None, 4))
    layer.set_weights([table])
    dense = variable(table)
    lookups = [
        (lambda: layer(ids), layer.trainable_variables[0]),
        (lambda: tensor(np.eye(4)[ids]) @ dense, dense),
    ]
    tables = []
    for lookup, weight in lookups:
        optimizer = row.make(0.1)
        for _ in range(3):
            gradients = gradients_of(lambda lookup=lookup: sum_of(lookup() ** 2) / 8, [weight])
            apply(optimizer, gradients, [weight])
        tables.append(array(weight))
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5, atol=1e-6)


@ROWS
def test_a_gradient_that_broadcasts_counts_for_each_element(row):
    for shape in ((), (3,), (2, 1)):
        few = [np.resize(g, shape) for g in GRADIENTS[:4]]
        whole = [np.broadcast_to(g, (2, 3)) for g in few]
        each = [path(row.make(), gradients, variable(start().reshape(2, 3))) for gradients in (few, whole)]
        np.testing.assert_array_equal(*each)
        assert not np.allclose(each[0][-1], start().reshape(2, 3))


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own; those of TensorFlow have a file")
@ROWS
def test_a_sparse_gradient_of_pytorch_equals_a_dense_one(row):
    rows = np.where(np.arange(4)[:, None] % 2, np.resize(GRADIENTS, (4, 3)), 0.0)
    paths = []
    for convert in (tensor, lambda g: tensor(g).to_sparse(1)):
        w, optimizer = variable(np.resize(start(), (4, 3))), row.make(clipnorm=1.0, gradient_accumulation_steps=2)
        for _ in range(4):
            apply(optimizer, [convert(rows)], [w])
        paths.append(array(w))
    np.testing.assert_array_equal(*paths)
