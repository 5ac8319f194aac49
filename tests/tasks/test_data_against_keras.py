"""Data of every form that `fit` takes: what a task measures is what plain Keras measures of the same arrays."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf
from keras_replays import BATCH, OWN_BATCH, Replay, check, dataset, each, mse, run

from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.measuring.training import ChildTraining

layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype(np.float32)
Y = X.sum(axis=1)
WEIGHTS = RNG.uniform(0, 2, 70).astype(np.float32)


def linear():
    return tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(1)])


def deferred():
    return tf.keras.Sequential([layers.Dense(1)])


def by_name():
    inputs = {name: tf.keras.Input((3,), name=name) for name in ("left", "right")}
    return tf.keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(list(inputs.values()))))


class Batches(tf.keras.utils.Sequence):
    def __init__(self, data):
        super().__init__()
        self.data = data

    def __len__(self):
        return -(-len(self.data[0]) // OWN_BATCH)

    def __getitem__(self, number):
        return tuple(part[number * OWN_BATCH : (number + 1) * OWN_BATCH] for part in self.data)


def generator(data):
    """Ends."""
    batches = Batches(data)
    return lambda: (batches[number] for number in range(len(batches)))


def pandas(data):
    frame = importlib.import_module("pandas").DataFrame
    return frame(data[0], columns=["a", "b", "c"]), frame(data[1], columns=["y"])["y"]


def of_tensors(data):
    return tf.nest.map_structure(tf.constant, data)


GIVEN = {
    "tensors": Replay(linear, (X, Y), mse, "mae", of_tensors, long=True),
    "dataset": Replay(linear, (X, Y), mse, "mae", dataset, in_batches=True, long=True),
    "dataset of weights": Replay(linear, (X, Y, WEIGHTS), mse, "mae", dataset, in_batches=True),
    "function": Replay(linear, (X, Y), mse, "mae", lambda data: lambda: dataset(data), in_batches=True, long=True),
    "Sequence": Replay(linear, (X, Y), mse, "mae", Batches, in_batches=True),
    "Sequence of weights": Replay(
        linear, (X, Y, WEIGHTS), mse, "mae", lambda data: lambda: Batches(data), in_batches=True, long=True
    ),
    "generator": Replay(linear, (X, Y), mse, "mae", generator, in_batches=True),
    "pandas": Replay(linear, (X, Y), mse, "mae", pandas),
    "dicts": Replay(by_name, ({"left": X, "right": X[::-1].copy()}, Y), mse, "mae"),
    "dicts from a dataset": Replay(
        by_name, ({"left": X, "right": X[::-1].copy()}, Y), mse, "mae", dataset, in_batches=True, long=True
    ),
    "float64": Replay(deferred, (X.astype(np.float64), Y.astype(np.float64)), mse, "mae", long=True),
    "integers": Replay(
        deferred, (np.round(X * 3).astype(np.int64), np.round(Y).astype(np.int32)), mse, "mae", rate=0.01, long=True
    ),
}


@each(GIVEN)
def test_given(name):
    if name == "pandas":
        pytest.importorskip("pandas")
    check(GIVEN[name])


def endless(data):
    def batches():
        while True:
            yield from generator(data)()

    return batches


def test_an_endless_generator_with_steps():
    replay = Replay(linear, (X, Y), mse, "mae", endless, task=dict(steps_per_epoch=8, validation_steps=3))
    check(replay)  # 8 batches of 7 are all 50 examples and the first again


# -- What fixes the batch --------------------------------------------------------------------------------------------


def fixed():
    return tf.keras.Sequential([tf.keras.Input((3,), batch_size=BATCH), layers.Dense(1)])


def stateful():
    inputs = tf.keras.Input((3, 1), batch_size=BATCH)
    return tf.keras.Model(inputs, layers.Dense(1)(layers.SimpleRNN(2, stateful=True)(inputs)))


def child(replay, **changes):
    task = replay.make_task(**changes)
    return task.child(task.protocols["default"])


def test_a_model_of_fixed_batches():
    replay = Replay(fixed, (X, Y), mse, "mae")
    with pytest.raises(ValueError, match=r"`validation` must be in batches of 8, .* Received: 20 examples"):
        child(replay)
    with pytest.raises(ValueError, match=r"batch_size 8, .* Received: 10"):
        child(replay, sizes=dict(batch_size=10))
    with pytest.raises(ValueError, match=r"`train` must have at least 8 examples, .* Received: 7\."):
        child(replay, train=(X[:7], Y[:7]), sizes=dict(seeds=(0,)))


def test_the_batches_of_a_model_count():
    """Where neither the data nor the task says their size."""
    settings = dict(validation=(X[50:66], Y[50:66]), sizes=dict(seeds=(0,)))
    made = child(Replay(fixed, (X, Y), mse, "mae"), **settings)
    assert made.batch_size == BATCH
    replay = Replay(linear, (X, Y), mse, "mae")
    settings["sizes"]["batch_size"] = BATCH
    expected = run(ChildTraining(child(replay, **settings)), replay)
    np.testing.assert_allclose(run(ChildTraining(made), replay).metrics, expected.metrics, rtol=1e-6)


def test_a_model_with_a_state_is_refused():
    with pytest.raises(ValueError, match="without stateful=True"):
        child(Replay(stateful, (X[..., None], Y), mse), validation=(X[:16, :, None], Y[:16]))


# -- Sparse and ragged -----------------------------------------------------------------------------------------------


def scipy(data):
    return importlib.import_module("scipy.sparse").csr_matrix(data[0]), data[1]


def test_sparse_inputs_are_refused():
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match=r"`train` must have dense .* csr_matrix. Make it dense with .toarray\(\)"):
        child(Replay(linear, (X, Y), mse, "mae", scipy))


@pytest.mark.skipif(KERAS_3, reason="Keras 3 has no ragged inputs.")
@pytest.mark.parametrize("in_batches", [False, True])
def test_ragged_inputs(in_batches):
    rows = [list(range(1, 2 + n % 5)) for n in range(70)]
    targets = np.array([len(row) for row in rows], np.float32)

    def build():
        ids = tf.keras.Input((None,), dtype="int32", ragged=True)
        return tf.keras.Model(ids, layers.Dense(1)(layers.SimpleRNN(3)(layers.Embedding(9, 4)(ids))))

    data = (tf.ragged.constant(rows, dtype=tf.int32), targets)
    given = dict(given=dataset, in_batches=True) if in_batches else {}
    check(Replay(build, data, mse, "mae", **given))
