"""Flags shared by several studies, and their checks. Each `*_flag` function makes a dataclass field."""

import dataclasses
import pathlib
from typing import Any

from benchmarks.studies.common import RESULTS
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import THREE, VARIABLE
from neural_optimizer_search.command_line import path, path_text, whole_number
from neural_optimizer_search.dsl.presets import PRESETS
from neural_optimizer_search.dsl.search_space import MAX_DEPTH
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.user_error import UserError


def task_flag() -> Any:
    """The field `task`."""
    return flag("digits", "task to measure rules on", choices=TASKS)


def protocol_flag() -> Any:
    """The field `protocol`."""
    return flag("default", "how children are trained, such as default, reduced or paper")


def data_dir_flag() -> Any:
    """The field `data_dir`."""
    return flag(None, "tensorflow_datasets directory, for tasks that read one", parse=path_text)


def space_flag() -> Any:
    """The field `space`."""
    return flag("arxiv2017_no_decay", "which rules may be proposed", choices=PRESETS)


def depth_flag(default: int) -> Any:
    """The field `depth`."""
    return flag(
        default, "iterations of the language", parse=whole_number(1, MAX_DEPTH), choices=range(1, MAX_DEPTH + 1)
    )


def results_flag() -> Any:
    """The field `results`."""
    return flag(RESULTS, "directory of the curves and pictures", parse=path, default_text="benchmarks/results")


def find_protocol(task: Any, name: str, **changes: Any) -> Any:
    """A task's protocol by name, with changes.

    Raises:
      UserError: If the task has no protocol of this name.
    """
    if name not in task.protocols:
        raise UserError(f"argument --protocol: must be one of {', '.join(task.protocols)}. Received: {name!r}.")
    return dataclasses.replace(task.protocols[name], **changes)


def own_tasks_flag() -> Any:
    """The field `tasks`, for the models of `own_tasks`."""
    return flag(THREE, "which own models", choices=OWN_TASKS, nargs="+", metavar="NAME")


def own_data_flag() -> Any:
    """The field `data_dir`, for the own models."""
    return flag(
        None,
        "directory with wikitext2/, multi30k/, and cifar10/ of tensorflow_datasets, which may be in tfds/",
        parse=path_text,
        default_text=f"the environment variable {VARIABLE}",
    )


def runs_flag(study: str) -> Any:
    """The field `runs`."""
    return flag(pathlib.Path("runs", study), "directory of the measurements, which are never repeated", parse=path)


def workers_flag() -> Any:
    """The field `workers`."""
    return flag(None, "rules to measure at a time", parse=whole_number(1, 1_000), default_text="one per core")
