"""What only TensorFlow has, done with some rows of `rows.py`: tracing, sparse gradients, checkpoints, replicas."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from backends import ONLY_KERAS_3, compiled, variable
from contracts import mirrored
from contracts.fits import assert_same_path, fitted_by_hand
from contracts.rows import GRADIENTS, RATE, SOME_ROWS, TABLE, path, start

from neural_optimizer_search.schedules import NoisyLinearCosineDecay


@SOME_ROWS
def test_further_calls_trace_nothing_and_compute_what_eager_mode_does(row):
    w, optimizer, traces = variable(start()), row.make(), []

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


@ONLY_KERAS_3
@SOME_ROWS
def test_a_variable_of_tensorflow_is_as_good_as_one_of_keras(row):
    weights = path(row.make(weight_decay=0.25), w=tf.Variable(start(), dtype=tf.float32))
    np.testing.assert_array_equal(weights, path(row.make(weight_decay=0.25)))


@pytest.mark.parametrize("built", [True, False])
@SOME_ROWS
def test_a_checkpoint_continues_bit_for_bit(row, built, tmp_path):
    def make():
        return row.make(NoisyLinearCosineDecay(RATE, decay_steps=20, seed=3), use_ema=True)

    w, optimizer = tf.Variable(start(), dtype=tf.float32), make()
    path(optimizer, GRADIENTS[:3], w)
    saved = tf.train.Checkpoint(w=w, optimizer=optimizer).save(str(tmp_path / "checkpoint"))
    whole = path(optimizer, GRADIENTS[3:], w)

    w, optimizer = tf.Variable(tf.zeros(6)), make()
    if built:
        optimizer.build([w])
    status = tf.train.Checkpoint(w=w, optimizer=optimizer).restore(saved)
    np.testing.assert_array_equal(path(optimizer, GRADIENTS[3:], w), whole)
    status.assert_consumed()


@SOME_ROWS
def test_bfloat16_needs_no_kernel_that_a_gpu_lacks(row):
    for dtype in ("float32", "bfloat16"):
        w = variable(start(), dtype)
        step = compiled(row.make(), [w], xla=False)
        operations = step.get_concrete_function([tf.TensorSpec(w.shape, dtype)]).graph.get_operations()
        # TensorFlow has these for float32 only on both a CPU and a GPU.
        assert any(one.type.startswith("ResourceApply") for one in operations) == (dtype == "float32")


# -- Sparse gradients ------------------------------------------------------------------------------

ACCUMULATED = {"gradient_accumulation_steps": 3}
CLIPS = [{}, {"clipnorm": 0.5}, {"clipvalue": 0.25}, {"global_clipnorm": 0.5}]
SPARSE = pytest.mark.parametrize("arguments", [*CLIPS, pytest.param(ACCUMULATED, marks=ONLY_KERAS_3)], ids=str)
SHAPE = pytest.mark.parametrize("shape", [(5, 2), None], ids=["shape", "no shape"])


@SHAPE
@SPARSE
@SOME_ROWS
def test_sparse_gradients_equal_dense_ones(row, arguments, shape):
    """Without a shape too, as in `tf.IndexedSlices(2 * g.values, g.indices)`."""
    table = np.arange(10.0).reshape(5, 2) / 10
    sparse, dense = (variable(table) for _ in range(2))
    optimizers = row.make(**arguments), row.make(**arguments)
    for ids in ([1, 1, 3], [3, 3, 3], [0, 1, 0]):
        values = np.array([[0.5, -1.0], [-0.25, -1.0], [0.5, 0.25]], np.float32)
        gradient = tf.IndexedSlices(tf.constant(values), tf.constant(ids), shape and tf.constant(shape))
        optimizers[0].apply_gradients([(gradient, sparse)])
        whole = np.zeros((5, 2), np.float32)
        np.add.at(whole, ids, values)
        optimizers[1].apply_gradients([(tf.constant(whole), dense)])
    np.testing.assert_allclose(sparse.numpy(), dense.numpy(), rtol=1e-6)
    assert not np.allclose(dense.numpy(), table)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 2.0}], ids=str)
@SOME_ROWS
def test_a_scaled_gradient_of_an_embedding_inside_a_graph(row, clip):
    """Rows whose ids are not looked up have the gradient 0."""
    tables = [variable(np.ones((5, 1))) for _ in range(2)]
    optimizers = row.make(**clip), row.make(**clip)
    lookup = tf.Variable(np.ones((5, 1)), dtype=tf.float32)

    @tf.function
    def step(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(lookup, ids))
        gradient = tape.gradient(loss, lookup)
        scaled = tf.IndexedSlices(0.5 * gradient.values, gradient.indices)
        optimizers[0].apply_gradients([(scaled, tables[0])])

    for optimizer, table in zip(optimizers, tables):
        optimizer.build([table])
    for ids in ([1, 3], [1, 1], [2, 3]):
        step(tf.constant(ids))
        optimizers[1].apply_gradients(
            [(tf.constant(0.5 * np.bincount(ids, minlength=5)[:, None], tf.float32), tables[1])]
        )
    np.testing.assert_allclose(tables[0].numpy(), tables[1].numpy(), rtol=1e-6)


# -- Two replicas ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def replicas():
    """Row -> the weights of each of two replicas; from a process of its own, for its two devices."""
    result = subprocess.run([sys.executable, mirrored.__file__], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)


@SOME_ROWS
def test_two_replicas_equal_one_on_the_whole_batch(row, replicas):
    first, second = replicas["steps"][row.name]
    assert first == second
    alone = path(row.make(weight_decay=0.25))
    assert_same_path(first, alone[-1])


@pytest.mark.parametrize("name", mirrored.FITTED)
def test_fitting_on_two_replicas_equals_fitting_on_one(name, replicas):
    (row,) = (row for row in TABLE if row.name == name)
    first, second = replicas["fit"][name]
    assert first == second
    assert_same_path(first, np.concatenate([weights.ravel() for weights in fitted_by_hand(row.make(0.02))]))
