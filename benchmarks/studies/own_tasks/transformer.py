"""A Transformer that predicts the next of the 500 most common words of WikiText-2, in passages of 16 words."""

import dataclasses
from typing import Any

import tensorflow as tf

from benchmarks.studies.own_tasks.text import LENGTH, WORDS, read
from neural_optimizer_search.tasks import KerasTask

WIDTH, HEADS, BLOCKS = 32, 2, 2
layers = tf.keras.layers


def model(optimizer: Any = "adam") -> tf.keras.Model:
    words = tf.keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(WORDS, WIDTH)(words) + layers.Embedding(LENGTH, WIDTH)(tf.range(LENGTH))
    for _ in range(BLOCKS):
        normed = layers.LayerNormalization()(x)
        x += layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(normed, normed, use_causal_mask=True)
        x += layers.Dense(WIDTH)(layers.Dense(2 * WIDTH, "relu")(layers.LayerNormalization()(x)))
    made = tf.keras.Model(words, layers.Dense(WORDS)(layers.LayerNormalization()(x)))
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


train, validation = (lambda: read("train", 8000)), (lambda: read("valid", 500))
sizes = dict(batch_size=16, validation_batch_size=500, validate_every=25)
task = KerasTask(model, train, validation, metric="loss", steps=150, sizes=sizes)
test = dataclasses.replace(task, validation=lambda: read("test", 4000))
