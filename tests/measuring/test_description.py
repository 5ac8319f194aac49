"""What is known of a task before its first rule, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.measuring.description import describe_task
from neural_optimizer_search.measuring.task_checks import UnsuitableTask
from neural_optimizer_search.tasks import TASKS, KerasTask

layers = tf.keras.layers
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
LINEAR, CLASSES = X.sum(axis=1), (X.sum(axis=1) > 0).astype(np.int32)


def model(*more, activation=None, loss="mse", metrics=("mae",)):
    made = tf.keras.Sequential([*more, layers.Dense(1, activation=activation)])
    made.compile("sgd", loss, metrics=list(metrics))
    return made


def classifier():
    return model(activation="sigmoid", loss="binary_crossentropy", metrics=["accuracy"])


def keras_task(make=model, train=(X[:40], LINEAR[:40]), validation=(X[40:], LINEAR[40:]), metric="mae", **more):
    return KerasTask(
        make, train, validation, metric=metric, steps=6, sizes=dict(batch_size=10, seeds=(0, 1)), **more
    )


def describe(task):
    return describe_task(task, task.protocols["default"])


def damaged(data, row, value):
    x, y = (part.copy() for part in data)
    x[row, 1] = value
    return x, y


def test_the_facts():
    found = describe(keras_task(lambda: model(layers.BatchNormalization())))
    assert (found.trainable, found.frozen) == (4 + 2 * 3, 2 * 3)
    assert (found.train_examples, found.validation_examples, found.batch_size) == (40, 20, 10)
    # 9 rates with the first seed, 3 finalists with the other, 2 steps each; 6 final steps with each seed.
    assert found.steps == (9 + 3) * 2 + 2 * 6
    assert found.data_bytes == X.nbytes + LINEAR.nbytes < found.peak_bytes
    assert found.metric_name == "mae" and found.score == 0.0
    assert found.scale == (pytest.approx(found.metric), 0.0)
    assert found.loss > 0 and found.seconds > 0
    assert found.notes == ()
    assert found.fingerprint.untrained == pytest.approx(found.loss, rel=1e-5)
    assert found.fingerprint.code == {}  # it is in no module
    assert describe(keras_task(lambda: model(layers.BatchNormalization()))).fingerprint == found.fingerprint


def test_a_shipped_task():
    found = describe_task(TASKS["digits"], TASKS["digits"].protocols["reduced"])
    assert found.fingerprint is None and found.notes == ()
    assert found.metric_name == "accuracy" and 0 <= found.score < 0.5


@pytest.mark.parametrize(
    "train",
    [
        (X, LINEAR),
        lambda: (X, LINEAR),
        lambda: tf.data.Dataset.from_tensor_slices((X, LINEAR)).shuffle(60).batch(10),  # has the seed of all functions
        lambda: (np.random.normal(size=(60, 3)), LINEAR),
    ],
)
def test_data_that_are_the_same_each_time(train):
    describe(keras_task(train=train))


STATISTICS = layers.Normalization()
STATISTICS.adapt(X)
EMBEDDING = layers.Embedding(5, 2, trainable=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: model(STATISTICS),
        lambda: model(layers.Lambda(lambda x: tf.cast(x > 0, tf.int32), [3]), EMBEDDING, layers.Flatten()),
        lambda: model(layers.GaussianNoise(0.1), layers.Dropout(0.5), layers.BatchNormalization()),
    ],
    ids=["adapted", "frozen embedding", "random"],
)
def test_what_is_outside_and_stays_is_fine(make):
    describe(keras_task(make))


NOISE = layers.GaussianNoise(1.0)
MOVING = layers.BatchNormalization(center=False, scale=False)
CALLS = []


class Drawing(layers.Layer):
    """Draws without a layer of Keras, as a user's own layer may."""

    def call(self, inputs, training=None):
        return inputs + tf.random.normal(tf.shape(inputs), seed=1) if training else inputs


def constant(value):
    return lambda targets, predictions: tf.zeros_like(predictions) + value


ONE_CLASS = (X[40:], np.zeros(20, np.int32))
SEVERAL = (X[:40], CLASSES[:40])
# What is wrong -> (the task, the sentences).
REFUSED = {
    "NaN and infinity": (
        lambda: keras_task(train=damaged((X[:40], LINEAR[:40]), [7, 9], np.nan), validation=(X[40:], LINEAR[40:] / 0)),
        [
            "Argument `train` must have finite inputs: 2 values are NaN or infinite, in 2 of 40 examples, the first "
            "of which is number 7, counted from 0.",
        ],
    ),
    "an unseeded generator": (
        lambda: keras_task(train=lambda: (np.random.default_rng().normal(size=(60, 3)), LINEAR)),
        ["Argument `train` must give the same examples in the same order each time"],
    ),
    "an unseeded split": (
        lambda: keras_task(validation=lambda: (X[np.random.default_rng().permutation(60)[:20]], LINEAR[:20])),
        ["Argument `validation` must give the same examples in the same order each time"],
    ),
    "one class": (
        lambda: keras_task(classifier, SEVERAL, ONE_CLASS, "accuracy"),
        ["Argument `validation` must have targets of several classes for the metric 'accuracy'. Received: 0 in all"],
    ),
    "one class of two outputs": (
        lambda: keras_task(
            lambda: tf.keras.Sequential([layers.Dense(2, activation="softmax")]),
            (X[:40], np.eye(2)[CLASSES[:40]]),
            (X[40:], np.eye(2)[np.ones(20, int)]),
            loss="categorical_crossentropy",
            metric="accuracy",
        ),
        ["Argument `validation` must have targets of several classes for the metric 'accuracy'. Received: 1 in all"],
    ),
    "the best score": (
        lambda: keras_task(lambda: tf.keras.Sequential([layers.Dense(1)]), loss="mse", metric=constant(1.0),
                           higher_is_better=True),
        ["The untrained model has the best score: its "],
    ),
    "a score of another range": (
        lambda: keras_task(lambda: tf.keras.Sequential([layers.Dense(1)]), loss="mse", metric=constant(3.0),
                           higher_is_better=True),
        ["A task must have scores in [0, 1], where 1 is the best: map its metric to that range. Received scores from"],
    ),
    "noise from outside": (
        lambda: keras_task(lambda: model(NOISE)),
        ["Argument `model` must make all that changes in training: Adam with one seed gave the loss "],
    ),
    "moving statistics outside": (
        lambda: keras_task(lambda: model(MOVING)),
        ["The runs change what is outside of `model`: ", "moving_mean", "Make the layers that have it in that function"],
    ),
    "draws of no layer of Keras": (
        lambda: keras_task(lambda: model(Drawing())),
        ["Random numbers must come from layers of Keras that `model` makes, or from stateless functions."],
    ),
    "several at once": (
        lambda: keras_task(lambda: model(NOISE, activation="sigmoid", loss="binary_crossentropy", metrics=["accuracy"]),
                           damaged(SEVERAL, 3, np.inf), ONE_CLASS, "accuracy"),
        ["finite inputs: 1 values", "several classes", ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_would_make_rewards_meaningless_is_refused(name):
    task, sentences = REFUSED[name]
    with pytest.raises(UnsuitableTask) as caught:
        describe(task())
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_shared_examples_are_noted():
    (note,) = describe(keras_task(validation=(X[30:], LINEAR[30:]))).notes
    assert note.startswith("10 of 30 examples of `validation` are also in `train`: ")
