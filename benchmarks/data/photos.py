"""Batches of photographs from TensorFlow Datasets: random mirrored crops to train, central crops to evaluate.

Pixels range from -1 to 1. Results do not depend on threads, because each image has its own random numbers.
"""

import pathlib
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from benchmarks.data.tfds_directory import tfds_directory

CENTRAL = 0.875  # side of the central crop relative to the shorter side, as is customary for ImageNet
AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop (Szegedy et al., 2015)


class PhotoSource(NamedTuple):
    """The origin of a data set.

    Attributes:
      size: Size of the download.
      advice: How to obtain it.
    """

    size: str
    advice: str


_LEAVE_OUT = "leave the flag out to have it downloaded to ~/tensorflow_datasets"
SOURCES = {
    "imagenette/320px-v2": PhotoSource("330 MB", _LEAVE_OUT),
    "imagenet2012": PhotoSource(
        "155 GB",
        "download ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar by hand from "
        "https://image-net.org/download-images to ~/tensorflow_datasets/downloads/manual, and leave the flag out",
    ),
}


def open_builder(name: str, data_dir: Optional[pathlib.Path] = None) -> Any:
    """Opens a TFDS builder whose files are available.

    Args:
      name: A name of `SOURCES`.
      data_dir: A TFDS directory, or one that contains a TFDS directory named "tfds". None for TFDS's default, to
        which missing data are downloaded.

    Raises:
      FileNotFoundError: If the data set is missing and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    if data_dir is None:
        found = tfds.builder(name)
        try:
            found.download_and_prepare()
        except AssertionError:  # raised by TFDS for files that must be downloaded by hand
            raise _missing_data(name, data_dir) from None
        return found
    directory = tfds_directory(data_dir)
    if not (directory / name).is_dir():
        raise _missing_data(name, data_dir)
    return tfds.builder(name, data_dir=directory)


def _missing_data(name, data_dir):
    source = SOURCES[name]
    return FileNotFoundError(
        f"argument --data_dir: must be a tensorflow_datasets directory that holds {name}. Received: {data_dir}, "
        f"which does not. To get it ({source.size}): {source.advice}"
    )


def make_training_batches(
    builder: Any, split: str, pixels: int, batch_size: int, seed: int, buffer: int = 10_000
) -> tf.data.Dataset:
    """Endless batches of (images, labels), with random crops and mirroring.

    Args:
      builder: The result of `open_builder`.
      split: A split in TFDS's notation, such as "train[10%:]".
      pixels: Side of the square images.
      batch_size: Images per batch.
      seed: Seed of the order, the crops and the mirroring; the order also depends on TensorFlow's global seed.
      buffer: Size of the shuffle buffer, in images.
    """
    data = _read_encoded(builder, split, seed).shuffle(buffer, seed=seed).repeat()

    def prepare(number, example):
        cropping, mirroring = tf.unstack(tf.random.experimental.stateless_split([seed, number], 2))
        image = random_crop(_decode(builder, example), pixels, cropping)
        return tf.image.stateless_random_flip_left_right(image, mirroring), example["label"]

    data = data.enumerate().map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return data.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def make_evaluation_batches(builder: Any, split: str, pixels: int, batch_size: int) -> tf.data.Dataset:
    """Batches of (images, labels) in file order, with central crops."""

    def prepare(example):
        return central_crop(_decode(builder, example), pixels), example["label"]

    data = _read_encoded(builder, split).map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _read_encoded(builder, split, shuffle_seed=None):
    import tensorflow_datasets as tfds

    return builder.as_dataset(
        split=split,
        shuffle_files=shuffle_seed is not None,
        # A shuffle buffer of decoded images would fill the memory.
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(shuffle_seed=shuffle_seed),
    )


def _decode(builder, example):
    return builder.info.features["image"].decode_example(example["image"])


def random_crop(image: tf.Tensor, pixels: int, seed: tf.Tensor) -> tf.Tensor:
    """Crops a part of random size, aspect ratio and position, and resizes it to a square."""
    whole = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image), whole, seed, aspect_ratio_range=ASPECT, area_range=AREA
    )
    return _resize(tf.slice(image, begin, size), pixels)


def central_crop(image: tf.Tensor, pixels: int) -> tf.Tensor:
    """Crops the central square and resizes it."""
    shape = tf.shape(image)[:2]
    side = tf.cast(CENTRAL * tf.cast(tf.reduce_min(shape), tf.float32), tf.int32)
    top, left = tf.unstack((shape - side) // 2)
    return _resize(image[top : top + side, left : left + side], pixels)


def _resize(image, pixels):
    image = tf.image.resize(image, [pixels, pixels], antialias=True)
    image.set_shape([pixels, pixels, 3])
    return image / 127.5 - 1.0
