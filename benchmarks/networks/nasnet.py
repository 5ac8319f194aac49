"""NASNet-A (Zoph et al., 2017), from Keras."""

from dataclasses import dataclass

import tensorflow as tf
from keras.src.applications.nasnet import NASNet  # tf.keras exports only two sizes of it


@dataclass(frozen=True)
class NASNetA:
    """Keras's NASNet-A; the defaults give the mobile variant with 5.3 million parameters.

    Args:
      penultimate_filters: Number of filters of the last cell; a multiple of 96.
      blocks: N, the number of normal cells between reductions.
      stem_filters: Number of filters of the first convolution.
      batch_norm_momentum: Momentum of batch normalization; 0.9997 in Zoph et al. With it, the moving averages that
        evaluation uses take 10,000 steps to converge; a short training needs a smaller one.
    """

    penultimate_filters: int = 1056
    blocks: int = 4
    stem_filters: int = 32
    batch_norm_momentum: float = 0.9997

    def __call__(self, pixels: int, classes: int) -> tf.keras.Model:
        """Creates a Keras model that returns logits."""
        model = NASNet(
            input_shape=(pixels, pixels, 3),
            penultimate_filters=self.penultimate_filters,
            num_blocks=self.blocks,
            stem_block_filters=self.stem_filters,
            skip_reduction=False,
            weights=None,
            classes=classes,
            classifier_activation=None,
        )
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.momentum = self.batch_norm_momentum  # the constructor has no argument for it
        return model
