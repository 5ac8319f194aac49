"""CIFAR-10: standardized training, validation and test images, and augmented training batches."""

import functools
import pathlib
from typing import Optional

import numpy as np
import tensorflow as tf

from benchmarks.data.tfds_directory import tfds_directory
from neural_optimizer_search.tasks import cifar10
from neural_optimizer_search.tasks.image_task import Examples

CLASSES = 10
SIDE = 32  # pixels
SPLIT_SEED = 0  # determines which training images are used for validation

Labelled = tuple[np.ndarray, np.ndarray]  # images and labels


@functools.lru_cache(maxsize=1)
def load(
    side: int, validation_examples: int, made_up: bool, data_dir: Optional[pathlib.Path]
) -> tuple[Labelled, Labelled, Labelled]:
    """Loads the training, validation and test images with their labels.

    Args:
      side: Side of the images in pixels, a divisor of 32; larger images are averaged down.
      validation_examples: Number of training images held out for validation.
      made_up: Whether to use random images instead of CIFAR-10; half of them are held out.
      data_dir: A TFDS directory; None for TFDS's default.

    Returns:
      Three pairs (images, labels). Images are standardized per colour channel by the mean and standard deviation of
      the training images.

    Raises:
      FileNotFoundError: If the directory does not hold CIFAR-10.
    """
    train, test = _read(made_up, data_dir)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(train.labels))
    held_out = order[:validation_examples] if not made_up else order[: len(order) // 2]
    kept = np.setdiff1d(order, held_out)
    mean, deviation = train.images[kept].mean(axis=(0, 1, 2)), train.images[kept].std(axis=(0, 1, 2))

    def prepare(images):
        factor = SIDE // side
        small = images.reshape(len(images), side, factor, side, factor, 3).mean(axis=(2, 4))
        return ((small - mean) / deviation).astype(np.float32)

    return (
        (prepare(train.images[kept]), train.labels[kept]),
        (prepare(train.images[held_out]), train.labels[held_out]),
        (prepare(test.images), test.labels),
    )


def _read(made_up, data_dir):
    if made_up:
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (2, 200, SIDE, SIDE, 3), np.uint8)
        return [Examples(part, rng.integers(0, CLASSES, len(part), np.int32)) for part in images]
    if data_dir is not None:
        data_dir = str(tfds_directory(data_dir))
    return cifar10.load(data_dir), cifar10.load_test(data_dir)


def make_training_batches(examples: Labelled, batch_size: int, augment: bool, seed: int) -> tf.data.Dataset:
    """Endless training batches, in an order determined by the seed.

    Args:
      examples: Images and labels.
      batch_size: Images per batch.
      augment: Whether images are randomly shifted by up to an eighth of their side and mirrored.
      seed: Seed of the order and of the augmentation.
    """
    data = tf.data.Dataset.from_tensor_slices(examples)
    data = data.shuffle(len(examples[1]), seed=seed).repeat().batch(batch_size, drop_remainder=True)
    if augment:
        seeds = tf.data.Dataset.random(seed=seed).batch(2)
        data = tf.data.Dataset.zip((data, seeds)).map(lambda batch, seed: (_augment(batch[0], seed), batch[1]))
    return data.prefetch(tf.data.AUTOTUNE)


def _augment(images, seed):
    """Shifts each image by up to an eighth of its side, padding with 0 (the mean), and mirrors it, both at random."""
    count, side = images.shape[0], images.shape[1]
    reach = side // 8
    images = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    shift = tf.random.stateless_uniform([count, 2], seed, maxval=2 * reach + 1, dtype=tf.int32)
    rows = shift[:, :1] + tf.range(side)
    columns = shift[:, 1:] + tf.range(side)
    images = tf.gather(images, rows, axis=1, batch_dims=1)
    images = tf.gather(images, columns, axis=2, batch_dims=1)
    mirrored = tf.random.stateless_uniform([count, 1, 1, 1], seed + 1) < 0.5
    return tf.where(mirrored, tf.reverse(images, axis=[2]), images)
