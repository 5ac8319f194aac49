"""What is recorded of a child's own descent."""

import dataclasses
import json
import math

import fakes
import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring import recording as module
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.recording import (
    STEPS,
    Recording,
    choose_candidates,
    choose_weights,
    make_descent,
)
from neural_optimizer_search.tasks import KerasTask

pytestmark = pytest.mark.usefixtures("graphs_as_traced")

ADAM = parse_formula("Adam")


def places(blocks):
    return np.concatenate([block.reshape(-1) for block in blocks])


# -- Which weights -------------------------------------------------------------------------------------------------


def test_small_tensors_are_whole():
    blocks = choose_candidates([(2, 3), (3,), ()])
    assert [block.shape for block in blocks] == [(2, 3), (3,), ()]
    assert places(blocks).tolist() == list(range(10))


def test_an_empty_tensor_has_no_places():
    blocks = choose_candidates([(2,), (0, 5), (0,), (3,)])
    assert [block.size for block in blocks] == [2, 0, 0, 3]
    assert places(blocks).tolist() == list(range(5))


def test_a_kernel_is_a_matrix_of_its_outputs():
    (block,) = choose_candidates([(3, 3, 2, 4)])
    np.testing.assert_array_equal(block, np.arange(72).reshape(18, 4))


@pytest.mark.parametrize("shapes", [[(500, 300), (300,), (300, 10), (10,)], [(100_000,)], [(1, 9000), (9000, 1), ()]])
def test_of_large_tensors_about_as_many_as_may_be(shapes, monkeypatch):
    monkeypatch.setattr(module, "CANDIDATES", 1000)
    blocks = choose_candidates(shapes)
    chosen = places(blocks)
    assert 500 <= len(chosen) <= 1200 and len(set(chosen)) == len(chosen)
    start = 0
    for shape, block in zip(shapes, blocks):
        size = math.prod(shape)
        assert block.size and start <= block.min() and block.max() < start + size
        if block.ndim == 2:  # rows and columns of the tensor
            rows, columns = np.unravel_index(block - start, shape)
            assert (rows == rows[:, :1]).all() and (columns == columns[:1]).all()
        start += size
    np.testing.assert_array_equal(chosen, places(choose_candidates(shapes)))


def test_dead_units_are_among_the_chosen(monkeypatch):
    """One column of 100 never has a gradient, and one weight of a vector of 1000."""
    matrix, vector = np.random.default_rng(0).uniform(1, 2, (50, 100)), np.linspace(1, 2, 1000)
    matrix[:, 37], vector[612] = 0.0, 0.0
    monkeypatch.setattr(module, "WEIGHTS", 100)
    chosen = choose_weights(np.concatenate([matrix.reshape(-1), vector]), [(50, 100), (1000,)])
    assert 37 in chosen[0][0] % 100 and 5000 + 612 in chosen[1]
    # And the others are of all sizes.
    assert vector[chosen[1] - 5000].max() == 2.0 and 60 <= len(places(chosen)) <= 120


def test_the_least_gradients_choose_of_small_tensors_all():
    assert places(choose_weights(np.arange(7.0), [(2, 2), (3,)])).tolist() == list(range(7))
    assert [block.shape for block in choose_weights(np.arange(1.0), [(), (0,)])] == [(), (0,)]


# -- What is kept --------------------------------------------------------------------------------------------------


def record(*gradients, shapes=((2, 2), (), (0,))):
    recording = Recording()
    variables = [tf.zeros(shape) for shape in shapes]
    for step, g in enumerate(gradients):
        recording.add(tf.fill([5], float(g)), tf.fill([5], float(step)), variables)
    return json.loads(json.dumps(recording.as_dict()))


def test_what_is_recorded_is_a_descent():
    descent = make_descent(record(1.0, 2.0, 3.0))
    assert descent.g.tolist() == [[g] * 5 for g in (1.0, 2.0, 3.0)] and descent.w.tolist() == [
        [w] * 5 for w in range(3)
    ]
    assert (descent.steps, descent.descents) == (3, 1)
    assert [tensor.tolist() for tensor in descent.tensors] == [[[0, 1], [2, 3]], 4, []]
    assert descent.shares.tolist() == [1.0] * 5


def test_it_ends_before_what_is_not_finite():
    assert make_descent(record(1.0, 2.0, math.inf, 3.0)).steps == 2
    assert record(math.nan, 1.0) == dict(gradients=[], weights=[], shapes=[], sizes=[]) == record()


def test_a_weight_that_stands_for_others_counts_as_they_do():
    recording = Recording()
    recording.add(np.ones(90_000), np.ones(90_000), [np.zeros((300, 300))])
    descent = make_descent(recording.as_dict())
    assert 400 < descent.g.shape[1] < 600
    assert np.sum(descent.shares**2) == pytest.approx(90_000)


DAMAGES = {
    "no dict": lambda r: None,
    "a list": lambda r: [1],
    "no steps": lambda r: {**r, "gradients": [], "weights": []},
    "no sizes": lambda r: {name: r[name] for name in r if name != "sizes"},
    "a weight less": lambda r: {**r, "weights": [step[1:] for step in r["weights"]]},
    "another shape": lambda r: {**r, "shapes": [[3, 3], []]},
    "a negative shape": lambda r: {**r, "shapes": [[-2, -2], []]},
    "a huge shape": lambda r: {**r, "shapes": [[10**15], []]},
    "a shape of texts": lambda r: {**r, "shapes": ["ab", []]},
    "a negative size": lambda r: {**r, "sizes": [-4, 1, 0]},
    "sizes of texts": lambda r: {**r, "sizes": "four"},
    "not finite": lambda r: {**r, "gradients": [[math.nan] * 5] * 2},
    "texts": lambda r: {**r, "gradients": [["a"] * 5] * 2},
    "a step longer": lambda r: {**r, "gradients": [[1.0] * 5, [1.0] * 6]},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_told(damage):
    with pytest.raises(ValueError, match="the recorded gradients are damaged"):
        make_descent(DAMAGES[damage](record(1.0, 2.0)))


# -- Of real children ----------------------------------------------------------------------------------------------


def test_a_training_after_a_recording_is_what_it_was():
    plain, recording = (Evaluator(fakes.BLOBS, fakes.TINY) for _ in range(2))
    recorded = recording.record_descent(ADAM)
    for rule in (ADAM, parse_formula("sign(g) * drop(m, 0.3)")):
        before, after = plain(rule), recording(rule)
        assert dataclasses.replace(before, seconds=0.0) == dataclasses.replace(after, seconds=0.0)
    assert recording.record_descent(ADAM) == recorded == plain.record_descent(ADAM)
    descent = make_descent(recorded)
    assert descent.steps == 20 and descent.w[0].tolist() != descent.w[1].tolist()


def make_task(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    sizes = dict(batch_size=10, probe_steps=2, sweep_steps=3, validate_every=3, seeds=(0,))
    data = (x, x.sum(axis=1, keepdims=True))
    return KerasTask(model, train=data, validation=data, loss="mse", steps=6, sizes=sizes)


def dense(*layers, policy="float32"):
    def model():
        return tf.keras.Sequential(
            [
                tf.keras.layers.Dense(4, activation="relu", dtype=policy, trainable="frozen" not in layers),
                *([tf.keras.layers.BatchNormalization()] if "normalized" in layers else []),
                *([tf.keras.layers.Dropout(0.5)] if "dropout" in layers else []),
                tf.keras.layers.Dense(1, dtype="float32"),
            ]
        )

    return model


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (dense(policy="mixed_float16"), 21),
        (dense("frozen"), 5),
        (dense("normalized", "dropout"), 29),
    ],
    ids=["mixed precision", "frozen weights", "normalized, dropout"],
)
def test_what_keras_has_is_recorded(model, weights):
    task = make_task(model)
    evaluate = Evaluator(task, task.protocols["default"])
    descent = make_descent(evaluate.record_descent(ADAM))
    assert descent.g.shape == (STEPS, weights) and np.abs(descent.g).sum(axis=1).all()
    assert evaluate(ADAM).status == "ok"
