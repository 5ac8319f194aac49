"""Where the tests find the images of CIFAR-10: only where NOS_DATA_DIR says, and nothing is downloaded."""

import os
import pathlib

import pytest

from benchmarks.data.tfds_directory import tfds_directory
from neural_optimizer_search.tasks import cifar10


def find_data_dir() -> str:
    """The `tensorflow_datasets` directory; "" if the variable is not set."""
    given = os.environ.get("NOS_DATA_DIR", "")
    return given and str(tfds_directory(pathlib.Path(given)))


DATA_DIR = find_data_dir()


def skip_without_cifar10():
    """Skips the test that calls it where the images, or what reads them, are not there."""
    if not cifar10.is_held_by(DATA_DIR):
        pytest.skip("no CIFAR-10: set NOS_DATA_DIR to a directory with cifar10/ or tfds/cifar10/")
    pytest.importorskip("tensorflow_datasets")
