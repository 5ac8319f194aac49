"""A small CNN on CIFAR-10, averaged to 16x16 pixels: 10,000 to train on, 4,000 to validate, 10,000 to test."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.data.tfds_directory import tfds_directory
from benchmarks.studies.own_tasks import data_directory
from neural_optimizer_search.tasks import KerasTask, cifar10


def read(split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = cifar10.load((where := data_directory()) and str(tfds_directory(where)), split)
    return images.reshape(-1, 16, 2, 16, 2, 3).mean((2, 4), "float32") / 64 - 2, labels


def model(optimizer: Any = "adam") -> tf.keras.Model:
    layers = [tf.keras.Input((16, 16, 3))]
    for filters in (16, 32):
        layers += [
            tf.keras.layers.Conv2D(filters, 3, use_bias=False),
            tf.keras.layers.BatchNormalization(momentum=0.9),
        ]
        layers += [tf.keras.layers.ReLU(), tf.keras.layers.MaxPooling2D()]
    made = tf.keras.Sequential([*layers, tf.keras.layers.Flatten(), tf.keras.layers.Dense(10)])
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return made


train, validation = (lambda: read("train[:10000]")), (lambda: read("train[10000:14000]"))
task = KerasTask(
    model,
    train,
    validation,
    metric="accuracy",
    steps=150,
    sizes=dict(batch_size=64, validation_batch_size=500, validate_every=25),
)
test = dataclasses.replace(task, validation=lambda: read("test"))
