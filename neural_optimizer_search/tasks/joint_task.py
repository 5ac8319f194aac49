"""Several tasks in place of one."""

from dataclasses import dataclass

from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task


@dataclass(frozen=True)
class JointTask:
    """Tasks that rules are measured on one after the other; workers get this in place of a `Task`.

    Attributes:
      parts: Each task with its protocol. The seeds of all protocols are the same.
    """

    parts: tuple[tuple[Task, Protocol], ...]

    @property
    def name(self) -> str:
        """The names of the tasks."""
        return " ".join(task.name for task, _ in self.parts)
