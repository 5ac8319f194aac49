"""Losses and metrics of one output: what a task measures is what plain Keras measures."""

import numpy as np
import tensorflow as tf
from keras_replays import Replay, check, each

from neural_optimizer_search.keras_versions import KERAS_3

layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype(np.float32)
Y = X.sum(axis=1)
CLASSES = RNG.integers(0, 3, 70)
POSITIVE = (Y > 0).astype(np.float32)


def sequential(*parts):
    return lambda: tf.keras.Sequential([tf.keras.Input((3,)), *(make() for make in parts)])


def dense(*args, **kwargs):
    return lambda: layers.Dense(*args, **kwargs)


def named_output():
    inputs = tf.keras.Input((3,))
    return tf.keras.Model(inputs, layers.Dense(1, name="out")(inputs))


linear = sequential(dense(1))
classifier = sequential(dense(4, activation="tanh"), dense(3))


# -- Losses and metrics of one output --------------------------------------------------------------------------------


def squeezed(y_true, y_pred):
    return tf.keras.losses.mse(tf.squeeze(y_true, -1), tf.squeeze(y_pred, -1))


def first_column(y_true, y_pred):
    return (y_true[:, 0] - y_pred[:, 0]) ** 2


def weighted_classes(y_true, y_pred):
    weights = tf.reduce_sum(tf.one_hot(tf.cast(y_true, tf.int32), 3) * [1.0, 2.0, 5.0], -1)
    return weights * tf.keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


def scalar(y_true, y_pred):
    return tf.reduce_max(tf.abs(tf.reshape(y_true, [-1]) - tf.reshape(y_pred, [-1])))


class Huber(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        return tf.keras.losses.huber(y_true, y_pred, delta=0.5)


def within_a_half(y_true, y_pred):
    return tf.cast(tf.abs(y_true - y_pred) < 0.5, tf.float32)


class LargestError(tf.keras.metrics.Metric):
    """Not a mean: it knows the smaller last batch."""

    def __init__(self, name="largest_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.largest = self.add_weight(name="largest", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(tf.maximum(self.largest, scalar(y_true, y_pred)))

    def result(self):
        return self.largest + 0.0

    def reset_state(self):
        self.largest.assign(0.0)


def crossentropy():
    return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def binary_crossentropy():
    return tf.keras.losses.BinaryCrossentropy(from_logits=True)


COLUMN = Y[:, None]
ONE_OUTPUT = {
    "mse": Replay(linear, (X, Y), lambda: dict(loss="mse"), long=True),
    "mse, Adam": Replay(linear, (X, Y), lambda: dict(loss="mse", metrics=["mae"]), "mae", rule="Adam", long=True),
    "list of one loss": Replay(linear, (X, Y), lambda: dict(loss=["mse"], metrics=["mae"]), "mae", long=True),
    "dict of one loss": Replay(
        named_output,
        (X, Y),
        lambda: dict(loss={"out": "mse"}, metrics={"out": "mae"}),
        "mae",
        compiled=False,
        task=dict(loss={"out": "mse"}, metric={"out": "mae"}),
    ),
    "dict of one loss, compiled": Replay(
        named_output, (X, Y), lambda: dict(loss={"out": "mse"}, metrics={"out": "mae"}), "mae", long=True
    ),
    "list of one loss, compiled by the task": Replay(
        linear,
        (X, Y),
        lambda: dict(loss=["mse"], metrics=["mae"]),
        "mae",
        compiled=False,
        task=dict(loss=["mse"]),
        long=True,
    ),
    "squeeze(y_true, -1)": Replay(linear, (X, COLUMN if KERAS_3 else Y), lambda: dict(loss=squeezed)),
    "squeeze of a column": Replay(linear, (X, COLUMN), lambda: dict(loss=squeezed), long=True),
    "y_true[:, 0]": Replay(linear, (X, COLUMN if KERAS_3 else Y), lambda: dict(loss=first_column), long=True),
    "one-hot weights": Replay(
        classifier, (X, CLASSES), lambda: dict(loss=weighted_classes, metrics=["accuracy"]), "accuracy"
    ),
    "one-hot weights, column": Replay(
        classifier, (X, CLASSES[:, None]), lambda: dict(loss=weighted_classes), long=True
    ),
    "loss of a batch": Replay(linear, (X, Y), lambda: dict(loss=scalar), long=True),
    "Loss subclass": Replay(linear, (X, Y), lambda: dict(loss=Huber()), long=True),
    "loss of sums": Replay(
        linear, (X, Y), lambda: dict(loss=tf.keras.losses.MeanSquaredError(reduction="sum")), rate=0.01, long=True
    ),
    "metric function": Replay(
        linear,
        (X, COLUMN),
        lambda: dict(loss="mse", metrics=[within_a_half]),
        "within_a_half",
        task=dict(higher_is_better=True),
        long=True,
    ),
    "metric function, flat targets": Replay(
        linear,
        (X, Y),
        lambda: dict(loss="mse", metrics=[within_a_half]),
        "within_a_half",
        task=dict(higher_is_better=True),
    ),
    "Metric subclass": Replay(
        linear,
        (X, Y),
        lambda: dict(loss="mse", metrics=[LargestError()]),
        "largest_error",
        task=dict(higher_is_better=False),
        long=True,
    ),
    "accuracy of one logit": Replay(
        linear, (X, POSITIVE), lambda: dict(loss=binary_crossentropy(), metrics=["accuracy"]), "accuracy", long=True
    ),
    "AUC": Replay(
        linear,
        (X, POSITIVE),
        lambda: dict(loss=binary_crossentropy(), metrics=[tf.keras.metrics.AUC(from_logits=True)]),
        "auc",
    ),
    "accuracy of classes": Replay(
        classifier,
        (X, CLASSES),
        lambda: dict(loss=crossentropy(), metrics=["accuracy"]),
        "accuracy",
        rule="Adam",
        long=True,
    ),
    "compiled by the task": Replay(
        classifier,
        (X, CLASSES),
        lambda: dict(loss=crossentropy(), metrics=["accuracy"]),
        "accuracy",
        compiled=False,
        task=dict(loss=crossentropy()),
        long=True,
    ),
    "metric object of the task": Replay(
        linear,
        (X, Y),
        lambda: dict(loss="mse", metrics=[LargestError()]),
        "largest_error",
        compiled=False,
        task=dict(loss="mse", metric=LargestError(), higher_is_better=False),
    ),
    "metric function of the task": Replay(
        linear,
        (X, Y),
        lambda: dict(loss=scalar, metrics=[within_a_half]),
        "within_a_half",
        compiled=False,
        task=dict(loss=scalar, metric=within_a_half, higher_is_better=True),
        long=True,
    ),
}


@each(ONE_OUTPUT)
def test_one_output(name):
    check(ONE_OUTPUT[name])
