"""Four small Keras models, on which a rule is searched that is to do well on other models.

They differ in what makes an optimizer: convolutions, residual branches with BatchNormalization, an embedding with an
LSTM, and a narrow bottleneck. Images have 16x16 pixels, digits 8x8.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.studies.own_tasks import images, resnet
from neural_optimizer_search.tasks import KerasTask, digits

SEEDS, STEPS, TRAIN = (0, 1), 200, 1200
LEVELS, LENGTH = 17, 16  # of grey; pixels of a passage: two rows
layers = tf.keras.layers


def read_pixels(which: slice) -> tuple[np.ndarray, np.ndarray]:
    """Passages of digits, pixel by pixel, and the pixel after each; before the first is one of its own."""
    levels = np.rint(digits.load().images[which] * (LEVELS - 1)).astype(np.int32).reshape(-1, 64)
    before = np.pad(levels[:, :-1], ((0, 0), (1, 0)), constant_values=LEVELS)
    return before.reshape(-1, LENGTH), levels.reshape(-1, LENGTH)


def make_lstm(optimizer: Any = "adam") -> tf.keras.Model:
    """Predicts the next pixel."""
    hidden = [
        layers.Embedding(LEVELS + 1, 16, input_length=LENGTH),
        layers.LSTM(32, return_sequences=True, unroll=True),
    ]
    made = tf.keras.Sequential([*hidden, layers.Dense(LEVELS)])
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def read_digits(which: slice) -> tuple[np.ndarray, np.ndarray]:
    """Digits, and themselves."""
    flat = digits.load().images[which].reshape(-1, 64) - 0.5
    return flat, flat


def make_autoencoder(optimizer: Any = "adam") -> tf.keras.Model:
    """Through eight numbers."""
    narrowing = [layers.Dense(32, "tanh"), layers.Dense(8), layers.Dense(32, "tanh"), layers.Dense(64)]
    made = tf.keras.Sequential([tf.keras.Input((64,)), *narrowing])
    made.compile(optimizer, "mse")
    return made


def _make_task(model, read):
    sizes = dict(batch_size=32, validation_batch_size=500, validate_every=25, seeds=SEEDS)
    train, validation = (lambda: read(slice(None, TRAIN))), (lambda: read(slice(TRAIN, None)))
    return KerasTask(model, train, validation, metric="loss", steps=STEPS, sizes=sizes)


def _lengthen(task):
    return dataclasses.replace(task, steps=STEPS, sizes={**task.sizes, "seeds": SEEDS})


cnn, residual = _lengthen(images.task), _lengthen(resnet.task)
lstm, autoencoder = _make_task(make_lstm, read_pixels), _make_task(make_autoencoder, read_digits)
NAMES = tuple(f"{__name__}:{name}" for name in ("cnn", "residual", "lstm", "autoencoder"))
