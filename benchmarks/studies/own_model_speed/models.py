"""Five compiled Keras models such as a user may have, with data that need no download."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from neural_optimizer_search.tasks import KerasTask

STEPS = 60


def build_mlp() -> tf.keras.Model:
    """A regression model for a table."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [tf.keras.Input((20,)), layers.Dense(32, "relu"), layers.Dense(16, "relu"), layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return model


def build_cnn() -> tf.keras.Model:
    """A classifier of small images."""
    layers = tf.keras.layers
    return _classifier(
        tf.keras.Sequential(
            [
                tf.keras.Input((16, 16, 1)),
                layers.Conv2D(8, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(16, 3, activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(10),
            ]
        )
    )


def build_residual() -> tf.keras.Model:
    """A classifier with residual blocks and batch normalization."""
    layers = tf.keras.layers
    images = tf.keras.Input((16, 16, 1))
    hidden = layers.Conv2D(16, 3, padding="same")(images)
    for _ in range(3):
        branch = layers.BatchNormalization(momentum=0.5)(hidden)
        branch = layers.Conv2D(16, 3, padding="same")(layers.ReLU()(branch))
        hidden = layers.Add()([hidden, branch])
    return _classifier(tf.keras.Model(images, layers.Dense(10)(layers.GlobalAveragePooling2D()(hidden))))


def build_gru() -> tf.keras.Model:
    """A classifier of padded sequences."""
    layers = tf.keras.layers
    return _classifier(
        tf.keras.Sequential(
            [
                tf.keras.Input((20,), dtype="int32"),
                layers.Embedding(50, 16, mask_zero=True),
                layers.GRU(16),
                layers.Dense(10),
            ]
        )
    )


def build_transformer() -> tf.keras.Model:
    """A classifier with one block of attention."""
    layers = tf.keras.layers
    ids = tf.keras.Input((20,), dtype="int32")
    hidden = layers.Embedding(50, 32)(ids)
    hidden = layers.LayerNormalization()(hidden + layers.MultiHeadAttention(2, 16)(hidden, hidden))
    hidden = layers.LayerNormalization()(hidden + layers.Dense(32)(layers.Dense(64, "relu")(hidden)))
    return _classifier(tf.keras.Model(ids, layers.Dense(10)(layers.GlobalAveragePooling1D()(hidden))))


def _classifier(model):
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


def _task(model: Callable[[], tf.keras.Model], draw: Callable[..., np.ndarray], metric: str) -> KerasTask:
    rng = np.random.default_rng(0)
    x = draw(rng)
    y = x.sum(1) if metric == "mae" else rng.integers(0, 10, len(x))
    return KerasTask(
        model=model,
        train=(x[:800], y[:800]),
        validation=(x[800:], y[800:]),
        metric=metric,
        steps=STEPS,
        sizes=dict(batch_size=32, validate_every=STEPS, seeds=(0,)),
    )


def _numbers(*shape):
    return lambda rng: rng.normal(size=(1000, *shape)).astype(np.float32)


def _ids(rng):
    return rng.integers(0, 50, (1000, 20)).astype(np.int32)


TASKS = {
    "mlp": _task(build_mlp, _numbers(20), "mae"),
    "cnn": _task(build_cnn, _numbers(16, 16, 1), "accuracy"),
    "residual": _task(build_residual, _numbers(16, 16, 1), "accuracy"),
    "gru": _task(build_gru, _ids, "accuracy"),
    "transformer": _task(build_transformer, _ids, "accuracy"),
}
