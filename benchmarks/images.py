"""Photographs of TensorFlow Datasets in batches: random crops, mirrored or not, to train; central ones to evaluate.

Pixels are from -1 to 1. Nothing depends on threads, for each image has its own random numbers.
"""

from typing import NamedTuple

import tensorflow as tf

from benchmarks.data_dir import tfds_directory

CENTRAL = 0.875  # the part of the shorter side that an evaluation looks at, as is customary for ImageNet
AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop (Szegedy et al., 2015)


class Source(NamedTuple):
    """Where a data set comes from.

    Attributes:
      size: Of what is to be downloaded.
      advice: How to get it.
    """

    size: str
    advice: str


_LEAVE_OUT = "leave the flag out to have it downloaded to ~/tensorflow_datasets"
SOURCES = {
    "imagenette/320px-v2": Source("330 MB", _LEAVE_OUT),
    "imagenet2012": Source(
        "155 GB",
        "download ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar by hand from "
        "https://image-net.org/download-images to ~/tensorflow_datasets/downloads/manual, and leave the flag out",
    ),
}


def builder(name, data_dir=None):
    """A TFDS builder whose files are there.

    Args:
      name: Of `SOURCES`.
      data_dir: A `pathlib.Path`: a TFDS directory, or one that has a TFDS directory named "tfds". None: the default
        one of TFDS, which also downloads.

    Raises:
      FileNotFoundError: If the data set is not there and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    if data_dir is None:
        found = tfds.builder(name)
        try:
            found.download_and_prepare()
        except AssertionError:  # TFDS's words for files that must be downloaded by hand
            raise _missing(name, data_dir) from None
        return found
    directory = tfds_directory(data_dir)
    if not (directory / name).is_dir():
        raise _missing(name, data_dir)
    return tfds.builder(name, data_dir=directory)


def _missing(name, data_dir):
    source = SOURCES[name]
    return FileNotFoundError(
        f"argument --data_dir: must be a tensorflow_datasets directory that holds {name}. Received: {data_dir}, "
        f"which does not. To get it ({source.size}): {source.advice}"
    )


def training(builder, split, pixels, batch_size, seed, buffer=10_000):
    """Batches of (images, labels) without end; a random crop of each image, mirrored or not.

    Args:
      builder: Of `builder`.
      split: As TFDS names it, such as "train[10%:]".
      pixels: Side of the square images.
      batch_size: Images of a batch.
      seed: Of the order, the crops and the mirroring; TensorFlow mixes its own global seed into the order.
      buffer: Number of images that the order is drawn among.
    """
    data = _encoded(builder, split, seed).shuffle(buffer, seed=seed).repeat()

    def prepared(number, example):
        cropping, mirroring = tf.unstack(tf.random.experimental.stateless_split([seed, number], 2))
        image = random_crop(_decoded(builder, example), pixels, cropping)
        return tf.image.stateless_random_flip_left_right(image, mirroring), example["label"]

    data = data.enumerate().map(prepared, num_parallel_calls=tf.data.AUTOTUNE)
    return data.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def evaluation(builder, split, pixels, batch_size):
    """Batches of (images, labels), in the order of the files; the central part of each image."""

    def prepared(example):
        return central_crop(_decoded(builder, example), pixels), example["label"]

    data = _encoded(builder, split).map(prepared, num_parallel_calls=tf.data.AUTOTUNE)
    return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _encoded(builder, split, shuffle_seed=None):
    import tensorflow_datasets as tfds

    return builder.as_dataset(
        split=split,
        shuffle_files=shuffle_seed is not None,
        # Decoded images would fill the memory while they are shuffled.
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(shuffle_seed=shuffle_seed),
    )


def _decoded(builder, example):
    return builder.info.features["image"].decode_example(example["image"])


def random_crop(image, pixels, seed):
    """A part of random size, shape and place, as a square image."""
    whole = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image), whole, seed, aspect_ratio_range=ASPECT, area_range=AREA
    )
    return _scaled(tf.slice(image, begin, size), pixels)


def central_crop(image, pixels):
    """The central square, as a square image."""
    shape = tf.shape(image)[:2]
    side = tf.cast(CENTRAL * tf.cast(tf.reduce_min(shape), tf.float32), tf.int32)
    top, left = tf.unstack((shape - side) // 2)
    return _scaled(image[top : top + side, left : left + side], pixels)


def _scaled(image, pixels):
    image = tf.image.resize(image, [pixels, pixels], antialias=True)
    image.set_shape([pixels, pixels, 3])
    return image / 127.5 - 1.0
