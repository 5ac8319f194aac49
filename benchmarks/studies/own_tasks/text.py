"""A GRU that predicts the next of the 500 most common words of WikiText-2, in passages of 16 words."""

import dataclasses
import functools
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from benchmarks.data.text import load
from benchmarks.studies.own_tasks import data_directory
from neural_optimizer_search.tasks import KerasTask

WORDS, LENGTH = 500, 16


@functools.lru_cache
def read_text(vocabulary: Optional[int]) -> Any:
    return load("wikitext2", data_directory(), vocabulary)


def read(part: str, passages: int) -> tuple[np.ndarray, np.ndarray]:
    words = getattr(read_text(WORDS), part)[: passages * LENGTH + 1]
    return words[:-1].reshape(-1, LENGTH), words[1:].reshape(-1, LENGTH)


def model(optimizer: Any = "adam") -> tf.keras.Model:
    layers = tf.keras.layers
    hidden = [layers.Embedding(WORDS, 32, input_length=LENGTH), layers.GRU(48, return_sequences=True, unroll=True)]
    made = tf.keras.Sequential([*hidden, layers.Dense(WORDS)])
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


train, validation = (lambda: read("train", 8000)), (lambda: read("valid", 1000))
task = KerasTask(
    model,
    train,
    validation,
    metric="loss",
    steps=150,
    sizes=dict(batch_size=16, validation_batch_size=500, validate_every=25),
)
test = dataclasses.replace(task, validation=lambda: read("test", 4000))
