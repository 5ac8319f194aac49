"""Several inputs and outputs: what a task measures is what plain Keras measures."""

import numpy as np
import tensorflow as tf
from keras_replays import Replay, check, each

layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype(np.float32)
Y = X.sum(axis=1)


IDS = RNG.integers(1, 9, size=(70, 5))
HAS_A_3 = (IDS == 3).any(axis=1).astype(np.float32)


def two_towers(outputs):
    numbers, ids = tf.keras.Input((3,), name="numbers"), tf.keras.Input((5,), dtype="int32", name="ids")
    hidden = layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(9, 2)(ids))])
    hidden = layers.Dense(4, activation="tanh")(hidden)
    made = {"a": layers.Dense(1, name="a")(hidden), "b": layers.Dense(1, activation="sigmoid", name="b")(hidden)}
    return tf.keras.Model({"numbers": numbers, "ids": ids}, made if outputs is dict else list(made.values()))


def named():
    return two_towers(dict)


def listed():
    return two_towers(list)


INPUTS = {"numbers": X, "ids": IDS}
NAMED = (INPUTS, {"a": Y, "b": HAS_A_3})
LISTED = (INPUTS, [Y, HAS_A_3])
BOTH = {"a": "mse", "b": "binary_crossentropy"}


def absolute(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred), -1)


OUTPUTS = {
    "losses and weights by name": Replay(
        named,
        NAMED,
        lambda: dict(loss=BOTH, loss_weights={"a": 0.3, "b": 2.0}, metrics={"a": ["mae"], "b": ["accuracy"]}),
        "a_mae",
        rule="Adam",
    ),
    "a function for both": Replay(
        named, NAMED, lambda: dict(loss=absolute, metrics={"a": "mae", "b": "mae"}), "a_mae"
    ),
    "a function for each": Replay(
        named, NAMED, lambda: dict(loss={"a": absolute, "b": absolute}, metrics={"a": "mae"}), "a_mae", long=True
    ),
    "lists": Replay(
        listed,
        LISTED,
        lambda: dict(loss=list(BOTH.values()), loss_weights=[0.3, 2.0], metrics=[["mae"], ["accuracy"]]),
        "b_accuracy",
    ),
    "the loss of one output": Replay(
        named, NAMED, lambda: dict(loss=BOTH), "b_loss", task=dict(higher_is_better=False)
    ),
    "only one output has a loss": Replay(
        named, NAMED, lambda: dict(loss={"a": "mse"}, metrics={"b": "accuracy"}), "b_accuracy", long=True
    ),
    "the metric of one output, compiled by the task": Replay(
        named,
        NAMED,
        lambda: dict(loss=BOTH, metrics={"b": "accuracy"}),
        "b_accuracy",
        compiled=False,
        task=dict(loss=BOTH, metric={"b": "accuracy"}),
    ),
    "compiled by the task": Replay(
        named,
        NAMED,
        lambda: dict(loss=BOTH, loss_weights={"a": 0.3, "b": 2.0}),
        compiled=False,
        task=dict(loss=BOTH, loss_weights={"a": 0.3, "b": 2.0}),
        long=True,
    ),
}


@each(OUTPUTS)
def test_several_inputs_and_outputs(name):
    check(OUTPUTS[name])
