"""Child networks: frozen dataclasses of sizes that create Keras models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import tensorflow as tf


@dataclass(frozen=True)
class ConvNet:
    """The paper's child: 3x3 convolution -> ReLU -> batch normalization, twice, then a linear layer.

    Args:
      filters: Filters of each convolution; 32 in the paper.
      strides: Strides of the two convolutions; 1 in the paper. With 2, a step on small images costs two thirds of one
        with 2x2 max-pooling.
      padding: Padding of each convolution; both "same" in the paper. "valid" in the first leaves fewer positions to
        normalize.
      batch_norm_momentum: Momentum of the moving statistics. With Keras's default of 0.99 they lag behind, so that
        the validation accuracy stays at chance in runs of 100 to 300 steps.
    """

    filters: int = 32
    strides: int = 1
    padding: tuple[Literal["same", "valid"], ...] = ("same", "same")
    batch_norm_momentum: float = 0.9

    def __call__(self, input_shape: Sequence[int], classes: int) -> tf.keras.Model:
        layers = tf.keras.layers
        model = tf.keras.Sequential([layers.InputLayer(input_shape)])
        for padding in self.padding:
            model.add(layers.Conv2D(self.filters, 3, self.strides, padding=padding))
            model.add(layers.ReLU())
            model.add(layers.BatchNormalization(momentum=self.batch_norm_momentum))
        model.add(layers.Flatten())
        model.add(layers.Dense(classes))
        return model


@dataclass(frozen=True)
class MLP:
    """Dense -> sigmoid -> linear."""

    units: int = 20

    def __call__(self, input_shape: Sequence[int], classes: int) -> tf.keras.Model:
        layers = tf.keras.layers
        return tf.keras.Sequential(
            [
                layers.InputLayer(input_shape),
                layers.Flatten(),
                layers.Dense(self.units, activation="sigmoid"),
                layers.Dense(classes),
            ]
        )
