"""Several tasks combined into one."""

from dataclasses import dataclass
from typing import Union

from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task


@dataclass(frozen=True)
class JointTask:
    """Tasks on which rules are measured one after the other; workers receive this in place of a `Task`.

    Attributes:
      parts: Each task with its protocol. All protocols have the same seeds.
    """

    parts: tuple[tuple[Task, Protocol], ...]

    @property
    def name(self) -> str:
        """The names of the tasks."""
        return " ".join(task.name for task, _ in self.parts)


Measurable = Union[Task, JointTask]
