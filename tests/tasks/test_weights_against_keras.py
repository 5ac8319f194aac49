"""Weights of examples and classes, and masks: what a task measures is what plain Keras measures."""

import numpy as np
import tensorflow as tf
from keras_replays import Replay, check, dataset, each

layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype(np.float32)
Y = X.sum(axis=1)
WEIGHTS = RNG.uniform(0, 2, 70).astype(np.float32)
CLASSES = RNG.integers(0, 3, 70)


def linear():
    return tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(1)])


def classifier():
    return tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(3, activation="softmax")])


def two_outputs():
    inputs = tf.keras.Input((3,))
    return tf.keras.Model(inputs, {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)})


def weighted():
    return dict(
        loss="mse", weighted_metrics=[tf.keras.metrics.MeanAbsoluteError(name="weighted_error")], metrics=["mae"]
    )


CASES = {
    "sample weights": Replay(linear, (X, Y, WEIGHTS), weighted, "weighted_error"),
    "metrics without weights": Replay(linear, (X, Y, WEIGHTS), weighted, "mae", rule="Adam", long=True),
    "from a dataset": Replay(linear, (X, Y[:, None], WEIGHTS), weighted, "weighted_error", dataset, in_batches=True),
    "some weights are 0": Replay(linear, (X, Y, np.round(WEIGHTS / 2)), weighted, "weighted_error", long=True),
    "a weight an output": Replay(
        two_outputs,
        (X, {"a": Y, "b": CLASSES.astype(np.float32)}, {"a": WEIGHTS, "b": WEIGHTS[::-1].copy()}),
        lambda: dict(loss={"a": "mse", "b": "mae"}, loss_weights={"a": 0.5, "b": 2.0}),
    ),
    "class weights": Replay(
        classifier,
        (X, CLASSES),
        lambda: dict(loss="sparse_categorical_crossentropy", metrics=["accuracy"]),
        "accuracy",
        class_weight={0: 1.0, 1: 3.0, 2: 0.2},
    ),
    "class weights, one-hot, dataset": Replay(
        classifier,
        (X, np.eye(3, dtype=np.float32)[CLASSES]),
        lambda: dict(loss="categorical_crossentropy", metrics=["accuracy"]),
        given=dataset,
        in_batches=True,
        class_weight={0: 1.0, 1: 3.0, 2: 0.2},
        long=True,
    ),
    "class weights, task compiles": Replay(
        classifier,
        (X, CLASSES),
        lambda: dict(loss="sparse_categorical_crossentropy", metrics=["accuracy"]),
        "accuracy",
        class_weight={0: 1.0, 1: 3.0, 2: 0.2},
        compiled=False,
        task=dict(loss="sparse_categorical_crossentropy"),
        long=True,
    ),
}


@each(CASES)
def test_weights(name):
    check(CASES[name])


# -- Masks -----------------------------------------------------------------------------------------------------------

LENGTHS = RNG.integers(1, 6, 70)
IDS = np.where(np.arange(5) < LENGTHS[:, None], RNG.integers(1, 9, size=(70, 5)), 0)
TAGS = IDS % 3  # a label a step
HAS_A_3 = (IDS == 3).any(axis=1).astype(np.float32)


def tagger(make_layer):
    def build():
        ids = tf.keras.Input((5,), dtype="int32")
        hidden = layers.Embedding(9, 4, mask_zero=True)(ids)
        return tf.keras.Model(ids, layers.Dense(3)(make_layer()(hidden)))

    return build


def reader():
    ids = tf.keras.Input((5,), dtype="int32")
    hidden = layers.GRU(4)(layers.Embedding(9, 4, mask_zero=True)(ids))
    return tf.keras.Model(ids, layers.Dense(1, activation="sigmoid")(hidden))


def masked_numbers():
    steps = tf.keras.Input((5, 1))
    return tf.keras.Model(steps, layers.Dense(1)(layers.SimpleRNN(3, return_sequences=True)(layers.Masking()(steps))))


def tag_loss():
    return dict(
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def error_of_steps(y_true, y_pred):
    return tf.reduce_mean(tf.abs(tf.one_hot(tf.cast(y_true, tf.int32), 3) - y_pred), -1)


MASKS = {
    "LSTM, loss object": Replay(
        tagger(lambda: layers.LSTM(4, return_sequences=True)), (IDS, TAGS), tag_loss, "accuracy", rate=0.5, long=True
    ),
    "GRU, Adam": Replay(
        tagger(lambda: layers.GRU(4, return_sequences=True)),
        (IDS, TAGS),
        tag_loss,
        "accuracy",
        rule="Adam",
        long=True,
    ),
    "loss function": Replay(
        tagger(lambda: layers.SimpleRNN(4, return_sequences=True)),
        (IDS, TAGS),
        lambda: dict(loss=error_of_steps, metrics=["accuracy"]),
        "accuracy",
        rate=0.5,
    ),
    "loss by name": Replay(
        masked_numbers, (IDS[..., None].astype(np.float32), TAGS[..., None]), lambda: dict(loss="mse"), long=True
    ),
    "compiled by the task": Replay(
        tagger(lambda: layers.SimpleRNN(4, return_sequences=True)),
        (IDS, TAGS),
        tag_loss,
        "accuracy",
        compiled=False,
        task=dict(loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        long=True,
    ),
    "a weight a step": Replay(
        tagger(lambda: layers.SimpleRNN(4, return_sequences=True)),
        (IDS, TAGS, RNG.uniform(0, 2, size=(70, 5)).astype(np.float32)),
        tag_loss,
        "accuracy",
        rate=0.5,
    ),
    "a label a sequence": Replay(
        reader,
        (IDS, HAS_A_3),
        lambda: dict(loss="binary_crossentropy", metrics=["accuracy"]),
        "accuracy",
        rate=0.5,
        long=True,
    ),
}


@each(MASKS)
def test_masks(name):
    check(MASKS[name])
