"""Four small Keras models, on which a rule is searched that is to do well on other models.

They differ in what an optimizer finds hard: sigmoids in a row, an embedding with an LSTM, convolutions, and residual
branches with BatchNormalization. Images have 16x16 pixels, digits 8x8.
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
    """Digits and what they are."""
    examples = digits.load()
    return examples.images[which].reshape(-1, 64) - 0.5, examples.labels[which]


def make_mlp(optimizer: Any = "adam") -> tf.keras.Model:
    """Says which digit it is."""
    made = tf.keras.Sequential([layers.Dense(32, "sigmoid"), layers.Dense(32, "sigmoid"), layers.Dense(10)])
    made.build((None, 64))
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def _make_task(model, read):
    sizes = dict(batch_size=32, validation_batch_size=500, validate_every=25, seeds=SEEDS)
    train, validation = (lambda: read(slice(None, TRAIN))), (lambda: read(slice(TRAIN, None)))
    return KerasTask(model, train, validation, metric="loss", steps=STEPS, sizes=sizes)


def _lengthen(task, worst):
    """A task with these steps. On both of these Adam is no better than SGD, and scores are shares of a reward: with
    accuracies from `worst` on they vary as much as those of the other two.
    """
    return dataclasses.replace(task, steps=STEPS, worst=worst, sizes={**task.sizes, "seeds": SEEDS})


mlp, lstm = _make_task(make_mlp, read_digits), _make_task(make_lstm, read_pixels)
cnn, residual = _lengthen(images.task, 0.35), _lengthen(resnet.task, 0.27)
NAMES = tuple(f"{__name__}:{name}" for name in ("mlp", "lstm", "cnn", "residual"))
