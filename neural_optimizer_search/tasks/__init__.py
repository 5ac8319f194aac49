"""The shipped tasks, by name, and how to find them and your own."""

from neural_optimizer_search.keras_versions import require_tensorflow

require_tensorflow(__name__)

from neural_optimizer_search.tasks.cifar10 import CIFAR10
from neural_optimizer_search.tasks.cifar10_wrn import CIFAR10_WRN
from neural_optimizer_search.tasks.digits import DIGITS
from neural_optimizer_search.tasks.digits_mlp import DIGITS_MLP
from neural_optimizer_search.tasks.keras_task import KerasTask
from neural_optimizer_search.tasks.named_task import NamedTask, UnknownTask, load
from neural_optimizer_search.tasks.task import Task

__all__ = ["TASKS", "KerasTask", "Task", "UnknownTask", "find_task"]

TASKS: dict[str, Task] = {task.name: task for task in (DIGITS, DIGITS_MLP, CIFAR10, CIFAR10_WRN)}


def find_task(name: str) -> Task:
    """Finds a task by name: a shipped one, or "module:attribute" for a `KerasTask` (or another `Task`) of your own.

    Modules are also looked for in the current directory. A task found by "module:attribute" can be sent to worker
    processes, which import it again.

    Raises:
      UnknownTask: If there is no such task. An error that the module itself raises passes through.

    Example:
      >>> from neural_optimizer_search.tasks import find_task
      >>> list(find_task("digits").protocols)
      ['default', 'reduced', 'paper']
    """
    if name in TASKS:
        return TASKS[name]
    if name.count(":") != 1 or not all(name.split(":")):
        raise UnknownTask(
            f"must be one of: {', '.join(TASKS)}, or module:attribute of a task of your own. Received: {name!r}."
        )
    load(name)  # so that errors show now
    return NamedTask(name)
