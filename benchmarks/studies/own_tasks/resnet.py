"""A residual network with BatchNormalization on CIFAR-10, averaged to 8x8 pixels."""

import dataclasses
from typing import Any

import tensorflow as tf

from benchmarks.studies.own_tasks import images
from neural_optimizer_search.tasks import KerasTask

layers = tf.keras.layers


def read(split: str) -> Any:
    pixels, labels = images.read(split)
    return pixels.reshape(-1, 8, 2, 8, 2, 3).mean((2, 4)), labels


def convolve(x: Any, filters: int, strides: int = 1) -> Any:
    convolved = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(convolved)


def model(optimizer: Any = "adam") -> tf.keras.Model:
    given = tf.keras.Input((8, 8, 3))
    x = layers.ReLU()(convolve(given, 12))
    for filters, strides in ((12, 1), (24, 2)):
        branch = convolve(layers.ReLU()(convolve(x, filters, strides)), filters)
        x = layers.ReLU()(branch + (x if strides == 1 else layers.Conv2D(filters, 1, strides)(x)))
    made = tf.keras.Model(given, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return made


train, validation = (lambda: read("train[:10000]")), (lambda: read("train[10000:12000]"))
sizes = dict(batch_size=48, validation_batch_size=500, validate_every=25)
task = KerasTask(model, train, validation, metric="accuracy", steps=150, sizes=sizes)
test = dataclasses.replace(task, validation=lambda: read("test"))
