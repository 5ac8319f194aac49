"""Where the tests find the images of CIFAR-10: only where NOS_DATA_DIR says, and nothing is downloaded."""

import os

import pytest

from neural_optimizer_search.tasks import cifar10

DATA_DIR = os.environ.get("NOS_DATA_DIR", "")


def skip_without_cifar10():
    """Skips the test that calls it where the images, or what reads them, are not there."""
    if not cifar10.is_held_by(DATA_DIR):
        pytest.skip("no CIFAR-10: set NOS_DATA_DIR to a tensorflow_datasets directory")
    pytest.importorskip("tensorflow_datasets")
