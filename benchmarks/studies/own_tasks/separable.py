"""A depthwise-separable network on CIFAR-10, averaged to 16x16 pixels."""

import dataclasses
from typing import Any

import tensorflow as tf

from benchmarks.studies.own_tasks.images import read
from neural_optimizer_search.tasks import KerasTask

layers = tf.keras.layers


def model(optimizer: Any = "adam") -> tf.keras.Model:
    stack = [tf.keras.Input((16, 16, 3)), layers.Conv2D(16, 3, 2, padding="same", activation="relu")]
    for filters, strides in ((32, 1), (64, 2)):
        stack += [layers.SeparableConv2D(filters, 3, strides, padding="same", use_bias=False)]
        stack += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    made = tf.keras.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(10)])
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    return made


train, validation = (lambda: read("train[:10000]")), (lambda: read("train[10000:12000]"))
sizes = dict(batch_size=64, validation_batch_size=500, validate_every=25)
task = KerasTask(model, train, validation, metric="accuracy", steps=150, sizes=sizes)
test = dataclasses.replace(task, validation=lambda: read("test"))
