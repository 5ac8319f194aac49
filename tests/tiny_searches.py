"""A search at tiny size, and what it found."""

from neural_optimizer_search.records.ledger import Ledger

TINY = ["--protocol", "reduced", "--space", "signs", "--depth", "1", "--workers", "1", "--fresh_seeds", "2"]
TINY += ["--cache", "none"]
# A module with a task of somebody's own.
OWN_MODULE = """
import numpy as np
import tensorflow as tf
from neural_optimizer_search.tasks import KerasTask

def make():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model

x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
y = x.sum(axis=1)
task = KerasTask(make, (x[:40], y[:40]), (x[40:], y[40:]), metric="mae", steps=6, sizes=dict(batch_size=10))
"""


def found(out):
    """What a search proposed and what it was paid, in order."""
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    try:
        return ledger.samples()
    finally:
        ledger.close()


def trained(out):
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    try:
        return ledger.counts()["trained"]
    finally:
        ledger.close()
