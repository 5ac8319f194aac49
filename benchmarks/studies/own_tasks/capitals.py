"""A convolutional tagger that predicts which words of a German caption (Multi30k) have a capital letter."""

import collections
import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.studies.own_tasks.captions import read_captions
from neural_optimizer_search.tasks import KerasTask

WORDS, LENGTH = 500, 12  # most common words; words of a caption without the first, whose capital tells nothing
layers = tf.keras.layers


def read(split: str, captions: int) -> tuple[np.ndarray, np.ndarray]:
    counts = collections.Counter(word for line in read_captions("train", "target") for word in line.lower().split())
    numbers = {word: number for number, (word, _) in enumerate(counts.most_common(WORDS - 1), 1)}
    rows = [line.split()[1 : LENGTH + 1] for line in read_captions(split, "target")]
    rows = [row for row in rows if len(row) == LENGTH][:captions]
    known = np.array([[numbers.get(word.lower(), 0) for word in row] for row in rows], np.int32)
    return known, np.array([[word[0].isupper() for word in row] for row in rows], np.float32)[..., None]


def model(optimizer: Any = "adam") -> tf.keras.Model:
    stack = [layers.Embedding(WORDS, 32, input_length=LENGTH)]
    stack += [layers.Conv1D(48, 3, padding="same", activation="relu") for _ in range(2)]
    made = tf.keras.Sequential([*stack, layers.Dense(1)])
    made.compile(optimizer, tf.keras.losses.BinaryCrossentropy(from_logits=True))
    return made


train, validation = (lambda: read("train", 6000)), (lambda: read("validation", 400))
sizes = dict(batch_size=32, validation_batch_size=200, validate_every=40)
task = KerasTask(model, train, validation, metric="loss", steps=240, sizes=sizes)
test = dataclasses.replace(task, validation=lambda: read("test", 400))
