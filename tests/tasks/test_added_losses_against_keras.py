"""Losses that layers and models add: what a task measures is what plain Keras measures."""

import numpy as np
import pytest
import tensorflow as tf
from keras_replays import Replay, X, Y, check, dataset, each, run

from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.measuring.training import ChildTraining

layers = tf.keras.layers


class Divergence(layers.Layer):
    """Adds a VAE's loss: of the reconstruction, and from a normal distribution."""

    def call(self, inputs):
        data, mean, log_variance, output = inputs
        self.add_loss(tf.reduce_mean(tf.reduce_sum((data - output) ** 2, -1)))
        self.add_loss(-0.5 * tf.reduce_mean(1 + log_variance - mean**2 - tf.exp(log_variance)))
        return output


class ByLayer(layers.Layer):
    """Noise of a layer of Keras, whose generator has its state in a variable."""

    def __init__(self):
        super().__init__()
        self.noise = layers.GaussianNoise(1.0)

    def call(self, like):
        return self.noise(tf.zeros_like(like), training=True)


class ByGenerator(layers.Layer):
    def __init__(self):
        super().__init__()
        self.generator = tf.keras.random.SeedGenerator(1)

    def call(self, like):
        return tf.keras.random.normal(tf.shape(like), seed=self.generator)


class ByBackend(layers.Layer):
    def call(self, like):
        return tf.keras.backend.random_normal(tf.shape(like))


class ByTensorFlow(layers.Layer):
    def call(self, like):
        return tf.random.normal(tf.shape(like))


def vae(noise):
    def build():
        data = tf.keras.Input((3,))
        hidden = layers.Dense(4, activation="tanh")(data)
        mean, log_variance = layers.Dense(2)(hidden), layers.Dense(2)(hidden)
        sample = layers.Lambda(lambda parts: parts[0] + tf.exp(0.5 * parts[1]) * parts[2])(
            [mean, log_variance, noise()(mean)]
        )
        return tf.keras.Model(data, Divergence()([data, mean, log_variance, layers.Dense(3)(sample)]))

    return build


def contrastive(y_true, y_pred):
    far = tf.maximum(1.0 - y_pred, 0.0)
    return tf.reduce_mean(y_true * y_pred**2 + (1.0 - y_true) * far**2)


def siamese():
    left, right = tf.keras.Input((3,)), tf.keras.Input((3,))
    tower = tf.keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(2)])
    difference = layers.Subtract()([tower(left), tower(right)])
    return tf.keras.Model(
        [left, right], layers.Lambda(lambda d: tf.sqrt(tf.reduce_sum(d**2, -1, True) + 1e-6))(difference)
    )


OTHERS = X[::-1].copy()
SAME = (np.sign(Y) == np.sign(OTHERS.sum(1))).astype(np.float32)

ADDED = {
    "VAE without targets": Replay(vae(ByLayer), (X,)),
    "VAE, Adam": Replay(vae(ByLayer), (X,), rule="Adam", long=True),
    "VAE from a dataset": Replay(vae(ByLayer), (X,), given=lambda data: dataset(*data), in_batches=True, long=True),
    "Siamese": Replay(siamese, ([X, OTHERS], SAME), lambda: dict(loss=contrastive)),
    "Siamese, columns, Adam": Replay(
        siamese, ([X, OTHERS], SAME[:, None]), lambda: dict(loss=contrastive), rule="Adam", long=True
    ),
}
ADDED["Siamese from a dataset"] = Replay(
    siamese, ((X, OTHERS), SAME), lambda: dict(loss=contrastive), given=dataset, in_batches=True, long=True
)


def loss_and_metric_of_the_model():
    """As a VAE was written before Keras 3."""
    data = tf.keras.Input((3,))
    output = layers.Dense(3)(layers.Dense(2, activation="tanh")(data))
    model = tf.keras.Model(data, output)
    model.add_loss(tf.reduce_mean((data - output) ** 2))
    model.add_metric(tf.reduce_mean(tf.abs(data - output), -1), name="reconstruction_error")
    return model


if not KERAS_3:
    ADDED["add_loss and add_metric of a model"] = Replay(
        loss_and_metric_of_the_model, (X,), dict, "reconstruction_error"
    )
if KERAS_3:
    ADDED["VAE, seed generator"] = Replay(vae(ByGenerator), (X,), long=True)


@each(ADDED)
def test_added(name):
    check(ADDED[name])


@pytest.mark.parametrize("noise", [ByTensorFlow] if KERAS_3 else [ByTensorFlow, ByBackend])
def test_numbers_drawn_without_a_state(noise):
    """One run is alike the other, or the task is refused."""
    replay = Replay(vae(noise), (X,))
    task = replay.make_task()
    training = ChildTraining(task.child(task.protocols["default"]))
    first = run(training, replay)
    run(training, replay, seed=1)
    assert list(run(training, replay).losses) == list(first.losses)
