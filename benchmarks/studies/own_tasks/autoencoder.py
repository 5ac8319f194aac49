"""An autoencoder of grey CIFAR-10 images, averaged to 16x16 pixels, through 24 numbers."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.studies.own_tasks import images
from neural_optimizer_search.tasks import KerasTask

layers = tf.keras.layers


def read(split: str) -> tuple[np.ndarray, np.ndarray]:
    grey = images.read(split)[0].mean(-1).reshape(-1, 256)
    return grey, grey


def model(optimizer: Any = "adam") -> tf.keras.Model:
    narrowing = [layers.Dense(128, "relu"), layers.Dense(24), layers.Dense(128, "relu"), layers.Dense(256)]
    made = tf.keras.Sequential([tf.keras.Input((256,)), *narrowing])
    made.compile(optimizer, "mse")
    return made


train, validation = (lambda: read("train[:10000]")), (lambda: read("train[10000:12000]"))
sizes = dict(batch_size=64, validation_batch_size=500, validate_every=40)
task = KerasTask(model, train, validation, metric="loss", steps=240, sizes=sizes)
test = dataclasses.replace(task, validation=lambda: read("test"))
