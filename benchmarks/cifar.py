"""Training of an image classifier on CIFAR-10: the data, its augmentation, and one trial."""

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from benchmarks import training
from benchmarks.data_dir import tfds_directory
from benchmarks.protocol import Sweep
from neural_optimizer_search.tasks import cifar10
from neural_optimizer_search.tasks.task import Examples

CLASSES = 10
SPLIT_SEED = 0  # of which training images validate
COMMON = ("sgd", "momentum", "adam", "rmsprop")  # the optimizers whose weight decay the paper tuned


@dataclass(frozen=True)
class Setting:
    """
    Args:
      sweep: The `Sweep`.
      model: (input shape, classes, weight decay) -> Keras model.
      steps: Weight updates of a training.
      evaluations: How often the validation data are measured.
      batch_size: 128 in Zagoruyko & Komodakis (2016), 100 for the search's child.
      side: Images are averaged down to this many pixels; 32 leaves them.
      augment: Whether training images are shifted by up to an eighth and mirrored at random.
      validation_examples: Of the 50,000 training images, which are not trained on; 5,000 in the paper.
      weight_decays: What the weight decay of the common optimizers is tuned over; the found ones have none.
      made_up: Random images in place of CIFAR-10.
    """

    sweep: Sweep
    model: object
    steps: int
    evaluations: int
    batch_size: int = 100
    side: int = 32
    augment: bool = True
    validation_examples: int = 5_000
    weight_decays: tuple = (0.0,)
    made_up: bool = False


def options(setting, contender):
    decays = setting.weight_decays if contender.partition("@")[0] in COMMON else (0.0,)
    return tuple({"weight_decay": decay} for decay in decays)


def run(setting, trial, contender, data_dir, strategy):
    train, validation, test = load(setting.side, setting.validation_examples, setting.made_up, data_dir)
    shape = (setting.side, setting.side, 3)
    (_, weight_decay), *_ = trial.options
    work = training.Work(
        model=lambda: setting.model(shape, CLASSES, weight_decay),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=lambda: ["accuracy"],
        train=batches(train, setting, trial.seed),
        validation=tf.data.Dataset.from_tensor_slices(validation).batch(500),
        test=tf.data.Dataset.from_tensor_slices(test).batch(500),
        steps=setting.steps,
        evaluations=setting.evaluations,
        measure=lambda logs: logs["accuracy"],
        larger_is_better=True,
    )
    # The weight decay is the model's, as a part of its loss.
    return training.train(work, contender, trial._replace(options=()), strategy)


@functools.lru_cache(maxsize=1)
def load(side, validation_examples, made_up, data_dir):
    """(images, labels) to train, to validate and to test; images are standardized by the training images' colours."""
    train, test = _read(made_up, data_dir)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(train.labels))
    held_out = order[:validation_examples] if not made_up else order[: len(order) // 2]
    kept = np.setdiff1d(order, held_out)
    mean, deviation = train.images[kept].mean(axis=(0, 1, 2)), train.images[kept].std(axis=(0, 1, 2))

    def prepared(images):
        small = images.reshape(len(images), side, 32 // side, side, 32 // side, 3).mean(axis=(2, 4))
        return ((small - mean) / deviation).astype(np.float32)

    return (
        (prepared(train.images[kept]), train.labels[kept]),
        (prepared(train.images[held_out]), train.labels[held_out]),
        (prepared(test.images), test.labels),
    )


def _read(made_up, data_dir):
    if made_up:
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (2, 200, 32, 32, 3), np.uint8)
        return [Examples(part, rng.integers(0, CLASSES, len(part), np.int32)) for part in images]
    if data_dir is not None:
        data_dir = str(tfds_directory(data_dir))
    return cifar10.load(data_dir), cifar10.load_test(data_dir)


def batches(examples, setting, seed):
    """Batches without end, in an order that the seed sets."""
    data = tf.data.Dataset.from_tensor_slices(examples)
    data = data.shuffle(len(examples[1]), seed=seed).repeat().batch(setting.batch_size, drop_remainder=True)
    if setting.augment:
        seeds = tf.data.Dataset.random(seed=seed).batch(2)
        data = tf.data.Dataset.zip((data, seeds)).map(lambda batch, seed: (_augmented(batch[0], seed), batch[1]))
    return data.prefetch(tf.data.AUTOTUNE)


def _augmented(images, seed):
    """Each image shifted by up to an eighth of its side, what comes in being 0 (the mean), and mirrored or not."""
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
