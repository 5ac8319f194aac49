"""A task of the user's own, by the name of its module."""

import functools
from dataclasses import dataclass

from neural_optimizer_search.command_line import NotFound, import_named
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
    try:
        task = import_named(name)
    except NotFound as error:
        raise UnknownTask(str(error)) from None
    if not isinstance(task, (KerasTask, Task)):
        raise UnknownTask(f"{name!r} must be a KerasTask or a Task. Received: {task!r}.")
    return task
