"""Four small Keras models, on which to search for a rule that does well on other models.

Each is hard for an optimizer in another way: stacked sigmoids, an embedding with an LSTM, convolutions, and residual
branches with BatchNormalization. Photographs have 16x16 and 8x8 pixels, digits 8x8. The models of `own_tasks` are
trained on other data.
"""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.data.photos import open_builder
from benchmarks.studies.own_tasks import data_directory, images, resnet
from neural_optimizer_search.tasks import KerasTask, digits

SEEDS, STEPS, TRAIN = (0, 1), 200, 1200
# The split "validation" is the test data of the experiment `imagenet`, so no choice may see it.
TRAIN_PHOTOS, VALIDATION_PHOTOS = "train[20%:]", "train[:20%]"
LEVELS, LENGTH = 17, 16  # levels of grey; pixels of a passage, which are two rows
layers = tf.keras.layers


def read_pixels(which: slice) -> tuple[np.ndarray, np.ndarray]:
    """Passages of the pixels of digits, and the next pixel of each; a special value precedes the first pixel."""
    levels = np.rint(digits.load().images[which] * (LEVELS - 1)).astype(np.int32).reshape(-1, 64)
    before = np.pad(levels[:, :-1], ((0, 0), (1, 0)), constant_values=LEVELS)
    return before.reshape(-1, LENGTH), levels.reshape(-1, LENGTH)


def make_lstm(optimizer: Any = "adam") -> tf.keras.Model:
    """A model that predicts the next pixel."""
    hidden = [
        layers.Embedding(LEVELS + 1, 16, input_length=LENGTH),
        layers.LSTM(32, return_sequences=True, unroll=True),
    ]
    made = tf.keras.Sequential([*hidden, layers.Dense(LEVELS)])
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def read_digits(which: slice) -> tuple[np.ndarray, np.ndarray]:
    """Digits and their labels."""
    examples = digits.load()
    return examples.images[which].reshape(-1, 64) - 0.5, examples.labels[which]


def make_mlp(optimizer: Any = "adam") -> tf.keras.Model:
    """A classifier of digits."""
    made = tf.keras.Sequential([layers.Dense(32, "sigmoid"), layers.Dense(32, "sigmoid"), layers.Dense(10)])
    made.build((None, 64))
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


@functools.cache
def read_photos(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Photographs of Imagenette, averaged to 16x16 pixels, and their labels, of ten classes."""
    import tensorflow_datasets as tfds

    builder = open_builder("imagenette/320px-v2", data_directory())
    encoded = builder.as_dataset(split=split, decoders={"image": tfds.decode.SkipDecoding()})

    def shrink(example):
        # A JPEG decoder is fast at an eighth of the size.
        pixels = tf.cast(tf.image.decode_jpeg(example["image"], channels=3, ratio=8), tf.float32)
        return tf.image.resize(pixels, (16, 16), method="area") / 64 - 2, example["label"]

    pixels, labels = zip(*encoded.map(shrink).as_numpy_iterator())
    return np.stack(pixels), np.array(labels, np.int32)


def read_small_photos(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The same photographs, averaged to 8x8 pixels."""
    pixels, labels = read_photos(split)
    return pixels.reshape(-1, 8, 2, 8, 2, 3).mean((2, 4)), labels


def _make_task(model, train, validation, metric="loss", worst=None):
    sizes = dict(batch_size=32, validation_batch_size=500, validate_every=25, seeds=SEEDS)
    return KerasTask(model, train, validation, metric=metric, worst=worst, steps=STEPS, sizes=sizes)


def _of_digits(model, read):
    return _make_task(model, lambda: read(slice(None, TRAIN)), lambda: read(slice(TRAIN, None)))


def _of_photos(model, read, worst):
    """A task on photographs, whose scores count accuracies from `worst` on.

    Adam is no better than SGD there, and scores are shares of a reward; this way, they vary as much as on digits.
    """
    return _make_task(model, lambda: read(TRAIN_PHOTOS), lambda: read(VALIDATION_PHOTOS), "accuracy", worst)


mlp, lstm = _of_digits(make_mlp, read_digits), _of_digits(make_lstm, read_pixels)
cnn, residual = _of_photos(images.model, read_photos, 0.3), _of_photos(resnet.model, read_small_photos, 0.2)
NAMES = tuple(f"{__name__}:{name}" for name in ("mlp", "lstm", "cnn", "residual"))


def load_tasks() -> None:
    """Reads the data of all tasks and builds their models, which fails if anything is missing."""
    for task in (mlp, lstm, cnn, residual):
        task.child(task.protocols["default"])
