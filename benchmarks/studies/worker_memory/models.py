"""The models to train: those of two tasks, and a large one on the images of CIFAR-10."""

import dataclasses

import tensorflow as tf

from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.tasks.image_task import ImageTask, TaskSetting


@dataclasses.dataclass(frozen=True)
class LargeMLP:
    """A network of about 10 million weights on images of 32x32 pixels."""

    def __call__(self, shape: tuple[int, ...], classes: int) -> tf.keras.Model:
        layers = tf.keras.layers
        hidden = [layers.Dense(units, "relu") for units in (2400, 1000)]
        return tf.keras.Sequential([tf.keras.Input(shape), layers.Flatten(), *hidden, layers.Dense(classes)])


def _paper(name):
    task = TASKS[name]
    assert isinstance(task, ImageTask)
    return task, task.protocols["paper"]


def _large():
    task, protocol = _paper("cifar10")
    return dataclasses.replace(task, settings=(TaskSetting(protocol, LargeMLP()),)), protocol


# Name -> (task, protocol), made only when needed.
MODELS = {"cifar10": lambda: _paper("cifar10"), "10m_weights": _large, "digits": lambda: _paper("digits")}
