"""A GRU that predicts the next character of English captions (Multi30k), in passages of 24 characters."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.studies.own_tasks.captions import read_captions
from neural_optimizer_search.tasks import KerasTask

ALPHABET, LENGTH = "\n abcdefghijklmnopqrstuvwxyz.,-'", 24  # any other character becomes an apostrophe
layers = tf.keras.layers


def read(split: str, passages: int) -> tuple[np.ndarray, np.ndarray]:
    text = "\n".join(read_captions(split, "source")).lower()[: passages * LENGTH + 1]
    numbers = np.array([ALPHABET.find(character) % len(ALPHABET) for character in text], np.int32)
    return numbers[:-1].reshape(-1, LENGTH), numbers[1:].reshape(-1, LENGTH)


def model(optimizer: Any = "adam") -> tf.keras.Model:
    hidden = [
        layers.Embedding(len(ALPHABET), 16, input_length=LENGTH),
        layers.GRU(48, return_sequences=True, unroll=True),
    ]
    made = tf.keras.Sequential([*hidden, layers.Dense(len(ALPHABET))])
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


train, validation = (lambda: read("train", 8000)), (lambda: read("validation", 1000))
sizes = dict(batch_size=16, validation_batch_size=500, validate_every=25)
task = KerasTask(model, train, validation, metric="loss", steps=150, sizes=sizes)
test = dataclasses.replace(task, validation=lambda: read("test", 2000))
