"""What changes or holds the weights of layers: what a task measures is what plain Keras measures."""

import numpy as np
import tensorflow as tf
from keras_replays import Replay, check, dense, each, mse, numbers

layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype(np.float32)
Y = X.sum(axis=1)


def non_negative():
    return tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(1, kernel_constraint="non_neg")])


def frozen():
    model = numbers(dense(), layers.BatchNormalization, dense())()
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    return model


def unfrozen():
    model = numbers(dense(), dense())()
    model.trainable = False
    model.layers[1].trainable = True
    model.layers[2].trainable = True
    model.trainable = True
    return model


PRETRAINED = RNG.normal(size=(3, 4)).astype(np.float32)


def pretrained():
    model = numbers(dense(), layers.BatchNormalization)()
    model.layers[0].set_weights([PRETRAINED, np.ones(4, np.float32)])
    return model


class Unused(layers.Layer):
    """Its weight gets no gradient."""

    def build(self, shape):
        self.weight = self.add_weight(name="unused", shape=(shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * 2.0


class Counter(layers.Layer):
    """Assigns a weight of its own, which counts the steps."""

    def build(self, shape):
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        if training:
            self.count.assign_add(1.0)
        return inputs * (1.0 + 0.01 * self.count)


def shared():
    inputs = tf.keras.Input((3,))
    layer = layers.Dense(3, activation="tanh")
    return tf.keras.Model(inputs, layers.Dense(1)(layer(layer(inputs))))


class Pretrained(tf.keras.Model):
    """Not built by the factory: its layers make and set their weights in the first step."""

    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(5, 3, weights=[WORDS], trainable=False)
        self.scale, self.dense = Filled(), layers.Dense(1)

    def call(self, inputs):
        return self.dense(self.scale(tf.reduce_mean(self.embedding(inputs), axis=1)))


class Filled(layers.Layer):
    """Sets its weight after it has made it."""

    def build(self, shape):
        self.weight = self.add_weight(name="scale", shape=(shape[-1],), initializer="zeros")
        self.weight.assign([1.0, 2.0, 3.0])

    def call(self, inputs):
        return inputs * self.weight


WORDS = RNG.normal(size=(5, 3)).astype(np.float32)
IDS = RNG.integers(0, 5, size=(70, 4))


def max_norm():
    return tf.keras.constraints.MaxNorm(0.5)


WEIGHTS = {
    "constraint": Replay(non_negative, (X, -Y), mse),
    "constraints, Adam": Replay(
        numbers(dense(kernel_constraint=max_norm(), bias_constraint=max_norm())),
        (X, Y),
        mse,
        "mae",
        rule="Adam",
        long=True,
    ),
    "regularizers": Replay(numbers(dense(kernel_regularizer="l2", bias_regularizer="l1")), (X, Y), mse),
    "activity regularizer": Replay(numbers(dense(activity_regularizer="l2")), (X, Y), mse, "mae", long=True),
    "frozen": Replay(frozen, (X, Y), mse),
    "weights set in the factory": Replay(pretrained, (X, Y), mse, "mae", long=True),
    "pretrained, built late": Replay(Pretrained, (IDS, WORDS[IDS].sum(axis=(1, 2))), mse),
    "unfrozen": Replay(unfrozen, (X, Y), mse, long=True),
    "no gradient": Replay(numbers(dense(), Unused), (X, Y), mse, long=True),
    "no gradient, Adam": Replay(numbers(Unused, dense()), (X, Y), mse, rule="Adam"),
    "assigns a weight of its own": Replay(numbers(dense(), Counter), (X, Y), mse),
    "clipped norms": Replay(numbers(dense()), (X, Y), mse, clipping=dict(clipnorm=0.1), rule="Adam"),
    "clipped values": Replay(numbers(dense()), (X, Y), mse, clipping=dict(clipvalue=0.05), long=True),
    "a clipped norm": Replay(numbers(dense()), (X, Y), mse, clipping=dict(global_clipnorm=0.1), long=True),
    "shared": Replay(shared, (X, Y), mse, "mae", rule="Adam", long=True),
}


@each(WEIGHTS)
def test_weights(name):
    check(WEIGHTS[name])
