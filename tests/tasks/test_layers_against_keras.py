"""Layers of every kind: what a task measures is what plain Keras measures."""

import numpy as np
import tensorflow as tf
from keras_replays import Replay, check, dataset, dense, each, mse, numbers

from neural_optimizer_search.keras_versions import KERAS_3

layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3)).astype(np.float32)
Y = X.sum(axis=1)
IMAGES = RNG.normal(size=(70, 6, 6, 1)).astype(np.float32)
IDS = RNG.integers(1, 9, size=(70, 5))
HAS_A_3 = (IDS == 3).any(axis=1).astype(np.float32)


def binary():
    return dict(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])


def images(*make):
    """A regression of IMAGES through layers."""
    parts = [*make, layers.GlobalAveragePooling2D, lambda: layers.Dense(1)]
    return lambda: tf.keras.Sequential([tf.keras.Input((6, 6, 1)), *(each() for each in parts)])


def words(*make):
    """A classification of IDS through layers."""
    parts = [lambda: layers.Embedding(9, 4), *make, lambda: layers.Dense(1)]
    return lambda: tf.keras.Sequential([tf.keras.Input((5,), dtype="int32"), *(each() for each in parts)])


# -- What layers compute and draw ------------------------------------------------------------------------------------


def attention():
    ids = tf.keras.Input((5,), dtype="int32")
    hidden = layers.Embedding(9, 4)(ids)
    hidden = layers.LayerNormalization()(hidden + layers.MultiHeadAttention(2, 2, dropout=0.2)(hidden, hidden))
    return tf.keras.Model(ids, layers.Dense(1)(layers.Flatten()(hidden)))


def spectral():
    return layers.SpectralNormalization(layers.Dense(4))


COMPUTED = {
    "Dropout": Replay(numbers(dense(), lambda: layers.Dropout(0.5)), (X, Y), mse, "mae", long=True),
    "two Dropouts and noise, Adam": Replay(
        numbers(
            lambda: layers.GaussianNoise(0.1),
            dense(),
            lambda: layers.Dropout(0.5),
            dense(),
            lambda: layers.Dropout(0.2),
        ),
        (X, Y),
        mse,
        rule="Adam",
    ),
    "augmentation": Replay(
        images(lambda: layers.RandomFlip(), lambda: layers.RandomTranslation(0.2, 0.2), lambda: layers.Conv2D(2, 3)),
        (IMAGES, Y),
        mse,
        long=True,
    ),
    "BatchNormalization": Replay(
        numbers(dense(), lambda: layers.BatchNormalization(momentum=0.5)), (X, Y), mse, "mae"
    ),
    "BatchNormalization, images": Replay(
        images(lambda: layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization),
        (IMAGES, Y),
        mse,
        rule="Adam",
        long=True,
    ),
    # Keras 2.15 cannot train its own: a tensor as a Python bool.
    **({"SpectralNormalization": Replay(numbers(spectral), (X, Y), mse)} if KERAS_3 else {}),
    "Bidirectional GRU": Replay(
        words(lambda: layers.Bidirectional(layers.GRU(3))), (IDS, HAS_A_3), binary, "accuracy", rate=0.5, long=True
    ),
    "attention": Replay(attention, (IDS, HAS_A_3), binary, rule="Adam"),
    "GRU with dropout": Replay(
        words(lambda: layers.GRU(3, dropout=0.3, recurrent_dropout=0.3)), (IDS, HAS_A_3), binary, rate=0.5, long=True
    ),
    "Embedding, clipped": Replay(
        words(layers.Flatten), (IDS, HAS_A_3), binary, clipping=dict(clipnorm=0.02), rate=0.5, long=True
    ),
    "Embedding": Replay(words(layers.GlobalAveragePooling1D), (IDS, HAS_A_3), binary, rate=0.5, long=True),
}


@each(COMPUTED)
def test_computed(name):
    check(COMPUTED[name], seed=1)


# -- What layers look up ---------------------------------------------------------------------------------------------

TEXTS = np.array([" ".join("abcdefghi"[i] * 2 for i in row) for row in IDS])
LETTERS = np.array([list("abcdefghi"[i] for i in row) for row in IDS])


def reader(make_ids, shape):
    strings = tf.keras.Input(shape, dtype="string")
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(12, 4)(make_ids()(strings)))
    return tf.keras.Model(strings, layers.Dense(1)(hidden))


def vectorization():
    layer = layers.TextVectorization(output_sequence_length=5)
    layer.adapt(TEXTS[:50])
    return layer


def normalization():
    layer = layers.Normalization()
    layer.adapt(X[:50])
    return layer


OUTSIDE = normalization()

LOOKED_UP = {
    "TextVectorization": Replay(
        lambda: reader(vectorization, ()), (tf.constant(TEXTS), HAS_A_3), binary, "accuracy", rate=0.5
    ),
    "TextVectorization, dataset": Replay(
        lambda: reader(vectorization, (1,)),
        (TEXTS[:, None], HAS_A_3[:, None]),
        binary,
        given=dataset,
        in_batches=True,
        long=True,
    ),
    "StringLookup": Replay(
        lambda: reader(lambda: layers.StringLookup(vocabulary=list("abcdefgh")), (5,)),
        (tf.constant(LETTERS), HAS_A_3),
        binary,
        rate=0.5,
        rule="Adam",
    ),
    "Normalization adapted in the factory": Replay(numbers(normalization, dense()), (X * 3 + 1, Y), mse, long=True),
    "Normalization adapted outside": Replay(numbers(lambda: OUTSIDE, dense()), (X * 3 + 1, Y), mse),
}


@each(LOOKED_UP)
def test_looked_up(name):
    check(LOOKED_UP[name])


# -- Half precision --------------------------------------------------------------------------------------------------


def half(build):
    def build_half():
        tf.keras.mixed_precision.set_global_policy("mixed_float16")
        try:
            return build()
        finally:
            tf.keras.mixed_precision.set_global_policy("float32")

    return build_half


def float32_output():
    return tf.keras.Sequential(
        [tf.keras.Input((3,)), layers.Dense(8, activation="tanh"), layers.Dense(1, dtype="float32")]
    )


HALF = {
    # The first steps are left out, until the scale of the loss is low enough.
    "mixed_float16, overflows": Replay(half(float32_output), (X, Y * 100), mse, rate=1e-4, long=True),
    "mixed_float16": Replay(half(float32_output), (X, Y), mse, "mae"),
    "mixed_float16, Adam": Replay(half(float32_output), (X, Y), mse, rule="Adam", rate=0.01, long=True),
}


@each(HALF)
def test_half_precision(name):
    check(HALF[name])
