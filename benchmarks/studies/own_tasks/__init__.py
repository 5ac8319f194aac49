"""Keras models of a user's own, on real data: of each `task`, which tunes, and `test`, which no tuning sees.

`nos-search --task benchmarks.studies.own_tasks.images:task` and the like read what the environment variable
NOS_DATA_DIR names: a directory with wikitext2/, multi30k/ and cifar10/, or tfds/cifar10/.
"""

import os
import pathlib
from typing import Optional

THREE = ("images", "text", "table")  # those of the earlier studies
HELD_OUT = ("capitals", "autoencoder")  # nothing was chosen by what they show
EIGHT = ("images", "resnet", "separable", "characters", "transformer", "table", *HELD_OUT)
NAMES = tuple(dict.fromkeys((*THREE, *EIGHT)))
VARIABLE = "NOS_DATA_DIR"


def data_directory() -> Optional[pathlib.Path]:
    """Where the data are; None if the variable is not set."""
    return pathlib.Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def set_data_directory(data_dir: Optional[str]) -> None:
    """Tells this process, and those that it starts, where the data are; None: as the variable says."""
    if data_dir is not None:
        os.environ[VARIABLE] = data_dir


def full_name(name: str) -> str:
    """The task of a name, as `find_task` and --task have it."""
    return f"{__name__}.{name}:task"
