"""`cifar10`: the paper's task, the images of CIFAR-10 through `tensorflow_datasets`."""

import glob
import os
from typing import Optional

import numpy as np

from neural_optimizer_search.command_line import import_package
from neural_optimizer_search.tasks.image_task import Examples, ImageTask, TaskSetting
from neural_optimizer_search.tasks.protocol import DECADES, Protocol, Racing
from neural_optimizer_search.tasks.small_networks import ConvNet


def is_held_by(data_dir: str) -> bool:
    """Whether a `tensorflow_datasets` directory has CIFAR-10. A download that was stopped leaves a part of it."""
    return bool(glob.glob(os.path.join(glob.escape(data_dir), "cifar10", "*", "dataset_info.json")))


def load(data_dir: Optional[str] = None, split: str = "train") -> Examples:
    """Reads CIFAR-10 from a `tensorflow_datasets` directory; without one, downloads it (162 MiB) to the default.

    Raises:
      FileNotFoundError: If `data_dir` is given and does not contain CIFAR-10.
      OSError: If it cannot be downloaded.
    """
    if data_dir is not None and not is_held_by(data_dir):
        raise FileNotFoundError(
            f"--data_dir must be a tensorflow_datasets directory that holds cifar10. Received: {data_dir!r}, "
            "which does not. Leave the flag out to download CIFAR-10 (162 MiB) to ~/tensorflow_datasets."
        )
    tfds = import_package("tensorflow_datasets", "datasets", "the task cifar10")
    try:
        part = tfds.load("cifar10", split=split, data_dir=data_dir, batch_size=-1, download=data_dir is None)
    except OSError as error:  # of a download, those of requests are among them
        if data_dir is not None:
            raise
        raise OSError(
            f"CIFAR-10 is not in ~/tensorflow_datasets and cannot be downloaded ({type(error).__name__}). Give "
            "--data_dir DIR, a tensorflow_datasets directory that holds cifar10."
        ) from error
    return Examples(np.asarray(part["image"]), np.asarray(part["label"], np.int32))


def load_test(data_dir: Optional[str] = None) -> Examples:
    """Reads the test split in the same way."""
    return load(data_dir, "test")


PAPER = Protocol(
    name="paper",
    train_examples=45_000,
    validation_examples=5_000,
    learning_rates=DECADES,
    sweep_steps=100,  # one epoch of 10,000 images
    final_steps=2_250,  # five epochs
    validate_every=450,
    centred=False,
    reward="final_accuracy",
    seeds=(0,),
)

CIFAR10 = ImageTask(
    name="cifar10",
    classes=10,
    load=load,
    load_test=load_test,
    settings=(
        TaskSetting(PAPER, ConvNet()),
        # About a tenth of the paper's steps, for an overnight search on a few cores.
        TaskSetting(
            Protocol(
                name="default",
                train_examples=45_000,
                validation_examples=5_000,
                learning_rates=tuple(10.0 ** (i / 2) for i in range(-9, -2)),
                sweep_steps=30,
                final_steps=225,
                validate_every=45,
                seeds=(0,),
                racing=Racing(),
            ),
            ConvNet(batch_norm_momentum=0.5),
        ),
        TaskSetting(
            Protocol(
                name="reduced",
                train_examples=5_000,
                validation_examples=1_000,
                learning_rates=tuple(10.0 ** (i / 2) for i in range(-9, -2)),
                sweep_steps=10,
                final_steps=50,
                validate_every=10,
                seeds=(0,),
                racing=Racing(),
            ),
            ConvNet(filters=16, batch_norm_momentum=0.5),
        ),
    ),
)
