"""The hash of a task's data: equal for equal data, and different for others."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.tasks.data_hash import count_shared, hash_examples

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
Y = np.arange(20, dtype=np.int32)
WORDS = np.array([f"word {i}" for i in range(20)])


def ragged(values):
    return tf.ragged.constant(values)


def test_equal_data_have_equal_hashes():
    data = ({"b": X, "a": WORDS}, Y)
    same = ({"a": tf.constant(WORDS), "b": tf.constant(X)}, tf.constant(Y))
    assert hash_examples(data) == hash_examples(same)
    assert len(hash_examples(data)) == 32


OTHER = {
    "a number": ((X, Y), (np.where(X.max() - 1e-6 < X, 0, X), Y)),
    "order": ((X, Y), (X[::-1], Y[::-1])),
    "a target": ((X, Y), (X, Y + (Y == 19))),
    "dtype": ((X, Y), (X, Y.astype(np.float32))),
    "shape": ((X, Y), (X, Y[:, None])),
    "structure": (({"a": X, "b": X}, Y), ({"a": X, "c": X}, Y)),
    "weights": ((X, Y), (X, Y, Y)),
    "where strings end": ((np.array(["ab", "c"]), Y[:2]), (np.array(["a", "bc"]), Y[:2])),
    "where rows end": (ragged([[1, 2], [3]]), ragged([[1], [2, 3]])),
    "where inner rows end": (ragged([[[1, 2], [3]], []]), ragged([[[1], [2, 3]], []])),
}


@pytest.mark.parametrize("what", OTHER)
def test_other_data_have_other_hashes(what):
    data, other = OTHER[what]
    assert hash_examples(data) != hash_examples(other)


def test_shared_examples_are_counted():
    assert count_shared((X[:15], Y[:15]), (X[15:], Y[15:])) == 0
    assert count_shared((X[:15], Y[:15]), (X[12:], Y[12:])) == 3
    assert count_shared((X[:15], Y[:15]), (X[12:], Y[12:], Y[12:])) == 3  # weights do not matter
    assert count_shared((X, Y), (X, Y + 1)) == 0  # other targets
    assert count_shared(X, X[5:8]) == count_shared((X,), (X[5:8],)) == 3
    assert count_shared((X[:1], Y[:1]), (X[[0, 0, 1]], Y[[0, 0, 1]])) == 2
    assert count_shared(({"a": X, "b": WORDS}, Y), ({"b": WORDS[:4], "a": X[:4]}, Y[:4])) == 4
    assert count_shared(np.zeros([1, 2]), -np.zeros([1, 2])) == 1
    assert count_shared({"a": X, "b": X}, X) == count_shared((X, Y), (Y, Y)) == 0


def test_shared_examples_of_several_lengths():
    train = np.array([[1, 2, 3], [4, 5, 0]])
    assert count_shared((train, Y[:2]), (train[1:, :2], Y[1:2])) == 1
    words = np.array([["a", "b"], ["c", ""]])
    assert count_shared(words, words[1:, :1]) == 1
    rows = ragged([["a", "b"], [], ["c"], ["ab"]])
    assert count_shared(rows, rows[1:3]) == 2
    assert count_shared(rows[:1], rows[3:]) == 0
    nested = ragged([[[1, 2], [3]], [[1], [2, 3]], []])
    assert count_shared(nested[1:], nested) == 2
    nothing = tf.RaggedTensor.from_row_splits(tf.zeros([0], tf.int32), [0, 0, 0])
    assert count_shared(nothing, ragged([[1], []])) == 1
