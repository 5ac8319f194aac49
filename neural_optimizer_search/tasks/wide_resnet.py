"""The Wide ResNet of Zagoruyko & Komodakis (2016)."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

GROUPS = ((16, 1), (32, 2), (64, 2))  # (filters per unit of width, stride of the first block)


@dataclass(frozen=True)
class WideResNet:
    """3x3 convolution, three groups of residual blocks (BN -> ReLU -> 3x3, twice), BN, ReLU, global mean, linear.

    Args:
      depth: Number of convolutions, 6n + 4. 40 with width 4 has 9 million parameters, like the paper's.
      width: k, the factor by which an ordinary ResNet's filters are multiplied.
      batch_norm_momentum: 0.9 in the authors' code.
      pool: Images are averaged over squares of this many pixels first; 1 leaves them as they are.
    """

    depth: int = 40
    width: int = 4
    batch_norm_momentum: float = 0.9
    pool: int = 1

    def __post_init__(self) -> None:
        if self.depth < 10 or (self.depth - 4) % 6:
            raise ValueError(f"Argument `depth` must be 6n + 4 with n >= 1. Received: {self.depth}.")

    def __call__(self, input_shape: Sequence[int], classes: int, weight_decay: float = 0.0) -> tf.keras.Model:
        """A Keras model that returns logits; the loss includes `weight_decay`/2 times the sum of squared weights."""
        keras = tf.keras.layers
        regularizer = tf.keras.regularizers.L2(weight_decay / 2) if weight_decay else None

        def convolution(filters, size=3, stride=1):
            return keras.Conv2D(
                filters,
                size,
                stride,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                kernel_regularizer=regularizer,
            )

        def normalize(x):
            return keras.ReLU()(keras.BatchNormalization(momentum=self.batch_norm_momentum)(x))

        def block(x, filters, stride):
            before = normalize(x)
            # Where the shape changes, both branches start from the normalized input.
            shortcut = x if x.shape[-1] == filters and stride == 1 else convolution(filters, 1, stride)(before)
            inner = convolution(filters, stride=stride)(before)
            return keras.Add()([shortcut, convolution(filters)(normalize(inner))])

        images = keras.Input(input_shape)
        x = convolution(16)(keras.AveragePooling2D(self.pool)(images) if self.pool > 1 else images)
        for filters, stride in GROUPS:
            for i in range((self.depth - 4) // 6):
                x = block(x, filters * self.width, stride if i == 0 else 1)
        x = keras.GlobalAveragePooling2D()(normalize(x))
        return tf.keras.Model(images, keras.Dense(classes, kernel_regularizer=regularizer)(x))
