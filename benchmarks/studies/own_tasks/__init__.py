"""A user's own Keras models on real data: each module has `task`, for tuning, and `test`, which no tuning sees.

`nos-search --task benchmarks.studies.own_tasks.images:task` and the like read the directory that the environment
variable NOS_DATA_DIR names, with wikitext2/, multi30k/, and cifar10/ or tfds/cifar10/.
"""

import os
import pathlib
from typing import Optional

THREE = ("images", "text", "table")  # the models of the earlier studies
HELD_OUT = ("capitals", "autoencoder")  # no choice was based on their results
EIGHT = ("images", "resnet", "separable", "characters", "transformer", "table", *HELD_OUT)
NAMES = tuple(dict.fromkeys((*THREE, *EIGHT)))
VARIABLE = "NOS_DATA_DIR"


def data_directory() -> Optional[pathlib.Path]:
    """The directory of the data; None if the variable is not set."""
    return pathlib.Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def set_data_directory(data_dir: Optional[str]) -> None:
    """Sets the directory of the data for this process and those that it starts; None keeps the variable."""
    if data_dir is not None:
        os.environ[VARIABLE] = data_dir


def full_name(name: str) -> str:
    """The full name of a task, for `find_task` and --task."""
    return f"{__name__}.{name}:task"


_DATA = {
    **dict.fromkeys(map(full_name, ("images", "resnet", "separable", "autoencoder")), "cifar10"),
    **dict.fromkeys(("cifar10", "cifar10_wrn"), "cifar10"),
    **dict.fromkeys(map(full_name, ("text", "transformer", "table")), "wikitext2"),
    **dict.fromkeys(map(full_name, ("characters", "capitals")), "multi30k"),
    **dict.fromkeys(("digits", "digits_mlp"), "digits"),
}


def name_data(task: str) -> str:
    """The name of a task's data, which is the same for tasks that share examples; `task` is its full name."""
    return _DATA.get(task, task)
