"""One of the own tasks, and its split 0, at tiny size: what the study of own models trains in tests."""

import dataclasses

import numpy as np
import tensorflow as tf

from neural_optimizer_search.tasks import KerasTask


def model(optimizer="adam"):
    made = tf.keras.Sequential([tf.keras.layers.Dense(4, "relu"), tf.keras.layers.Dense(1)])
    made.compile(optimizer, "mse")
    return made


x = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
y = np.abs(x.sum(axis=1))
sizes = dict(batch_size=10, validate_every=4, seeds=(0, 1, 2))
task_table_0 = KerasTask(model, (x[:40], y[:40]), (x[40:60], y[40:60]), metric="loss", steps=12, sizes=sizes)
test_table_0 = dataclasses.replace(task_table_0, validation=(x[60:], y[60:]))
