"""A task of the user's own, by the name of its module."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.command_line import NotFound, import_named, shorten
from neural_optimizer_search.tasks.child import Child, hash_data
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task


class UnknownTask(ValueError):
    """There is no task of a name."""


@dataclass(frozen=True)
class NamedTask:
    """Stands for a task in a module. Worker processes get the name and import the task, which need not pickle.

    Args:
      name: "module:attribute"; the module is found in the current directory too.
      data: What `find_data` gave of its data where the task was described; a `child` with other data is refused. None
        if that is not known.
    """

    name: str
    data: Optional[str] = None

    @property
    def protocols(self) -> Mapping[str, Protocol]:
        """The protocols of the task."""
        return load(self.name).protocols

    def child(self, protocol: Protocol, data_dir: Optional[str] = None) -> Child:
        """The `Child` that rules are measured on."""
        child = load(self.name).child(protocol, data_dir)
        if self.data not in (None, find_data(child)):
            raise ValueError(
                f"the data of {self.name} are others in each process, so that rewards cannot be compared: give the "
                "generator or the shuffle that makes them a seed, or make the split once and keep it."
            )
        return child

    def identity(self, protocol: Protocol) -> None:
        """None: the code of a module of the user's own may change between two searches."""
        return None


def find_data(child: Child) -> str:
    """A text that differs if the data of a child do."""
    return " ".join(hash_data(child).values())


@functools.lru_cache
def load(name: str) -> Task:
    """Imports a task; see `find_task`."""
    try:
        task = import_named(name)
    except NotFound as error:
        raise UnknownTask(str(error)) from None
    # A class has what its instances have.
    if isinstance(task, type) or not isinstance(task, Task):
        raise UnknownTask(f"{name!r} must be a KerasTask, or another Task. Received: {shorten(repr(task))}.")
    protocols = task.protocols
    if not (isinstance(protocols, Mapping) and all(isinstance(p, Protocol) for p in protocols.values())):
        raise UnknownTask(
            f"{name!r} must have `protocols`, a dict of Protocols by name. Received: {shorten(repr(protocols))}."
        )
    return task
