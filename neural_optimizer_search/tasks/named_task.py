"""A user's own task, by the name of its module and attribute."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import tensorflow as tf

from neural_optimizer_search.command_line import NotFound, import_named, shorten
from neural_optimizer_search.tasks.child import Child, hash_data
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.user_error import UserError

# Relative, of an untrained loss: another machine rounds differently.
TOLERANCE = 1e-4
# A task is described on the CPU, and a GPU multiplies with the ten bits of TF32: an error of 1e-3 in predictions is
# a larger one in a loss that they nearly cancel.
GPU_TOLERANCE = 1e-2


class UnknownTask(UserError):
    """There is no task with this name."""


@dataclass(frozen=True)
class NamedTask:
    """A task in a module. Worker processes receive its name and import it, so that it need not be picklable.

    Args:
      name: "module:attribute"; the module is found in the current directory too.
      data: The result of `join_hashes` where the task was described; a `child` with other data is rejected. None if
        unknown.
      untrained_loss: The child's untrained loss there; a `child` with another loss is rejected, too. None if unknown.
    """

    name: str
    data: Optional[str] = None
    untrained_loss: Optional[float] = None

    @property
    def protocols(self) -> Mapping[str, Protocol]:
        """The protocols of the task."""
        return load(self.name).protocols

    def child(self, protocol: Protocol, data_dir: Optional[str] = None) -> Child:
        """The `Child` on which rules are measured."""
        child = load(self.name).child(protocol, data_dir)
        if self.data is not None and self.data != join_hashes(hash_data(child)):
            raise UserError(
                f"the data of {self.name} are others in each process, so that rewards cannot be compared: give the "
                "generator or the shuffle that makes them a seed, or make the split once and keep it."
            )
        tolerance = GPU_TOLERANCE if tf.config.get_visible_devices("GPU") else TOLERANCE
        if not is_same_loss(self.untrained_loss, child.untrained_loss, tolerance):
            raise UserError(
                f"the model of {self.name} is another in each process, so that rewards cannot be compared: with one "
                f"seed, the untrained loss is {self.untrained_loss:.6g} in one and {child.untrained_loss:.6g} in "
                "another. Give NumPy's generators a seed, and sort what is made from a set."
            )
        return child

    def identity(self, protocol: Protocol) -> None:
        """None: the code of the user's own module may change between two searches."""
        return None


def is_same_loss(one: Optional[float], other: Optional[float], tolerance: float = TOLERANCE) -> bool:
    """Whether two untrained losses can be those of the same model; also True if either is unknown or NaN."""
    if one is None or other is None or math.isnan(one + other):
        return True
    return one == other or math.isclose(one, other, rel_tol=tolerance)


def join_hashes(hashes: Mapping[str, str]) -> str:
    """A text that differs if the data differ, from the result of `hash_data`."""
    return " ".join(hashes.values())


@functools.lru_cache
def load(name: str) -> Task:
    """Imports a task; see `find_task`."""
    try:
        task = import_named(name)
    except NotFound as error:
        raise UnknownTask(str(error)) from None
    # A class has the attributes of its instances, so `isinstance` would accept it.
    if isinstance(task, type) or not isinstance(task, Task):
        raise UnknownTask(f"{name!r} must be a KerasTask, or another Task. Received: {shorten(repr(task))}.")
    protocols = task.protocols
    if not (isinstance(protocols, Mapping) and all(isinstance(p, Protocol) for p in protocols.values())):
        raise UnknownTask(
            f"{name!r} must have `protocols`, a dict of Protocols by name. Received: {shorten(repr(protocols))}."
        )
    return task
