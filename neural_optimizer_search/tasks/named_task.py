"""A task of the user's own, by the name of its module."""

import functools
import importlib
import os
import sys
from dataclasses import dataclass

from neural_optimizer_search.tasks.keras_task import KerasTask
from neural_optimizer_search.tasks.task import Task


class UnknownTask(ValueError):
    """There is no task of a name."""


@dataclass(frozen=True)
class NamedTask:
    """Stands for a task in a module. Worker processes get the name and import the task, which need not pickle.

    Args:
      name: "module:attribute"; the module is found in the current directory too.
    """

    name: str

    @property
    def protocols(self):
        return load(self.name).protocols

    @property
    def classes(self):
        return load(self.name).classes

    def child(self, protocol, data_dir=None):
        """The `Child` that rules are measured on."""
        return load(self.name).child(protocol, data_dir)


@functools.lru_cache
def load(name):
    """Imports a task; see `find_task`."""
    module_name, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` does, and a console script does not
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        raise UnknownTask(
            f"there is no module {module_name!r} in {os.getcwd()} or on Python's path. Write it as in an import "
            f"statement: directory.file, without .py. Received: {name!r}."
        ) from None
    if not hasattr(module, attribute):
        raise UnknownTask(f"module {module_name!r} ({module.__file__}) has no {attribute!r}. Received: {name!r}.")
    task = getattr(module, attribute)
    if not isinstance(task, (KerasTask, Task)):
        raise UnknownTask(f"{name!r} must be a KerasTask or a Task. Received: {task!r}.")
    return task
