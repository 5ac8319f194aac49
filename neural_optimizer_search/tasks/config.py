"""The flags that say what rules are measured on."""

import dataclasses
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.command_line import Parser, path_text, whole_number
from neural_optimizer_search.describe_error import describe_error
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks import TASKS, UnknownTask, find_task
from neural_optimizer_search.tasks.protocol import Protocol, Racing
from neural_optimizer_search.tasks.task import Task


@dataclass(frozen=True)
class TaskConfig:
    """What rules are measured on; `nos-search` and `nos-promote` share these flags."""

    task: str = flag(
        "digits",
        f"what rules are measured on: {', '.join(TASKS)}, or module:attribute of your own",
        is_local=lambda value: ":" in value,
    )
    protocol: str = flag("default", "how children are trained: default, paper, or reduced for a quick try")
    seeds_per_rule: Optional[int] = flag(
        None,
        "trainings of each rule, whose mean is the reward",
        parse=whole_number(1, 1000),
        default_text="the protocol's",
    )
    data_dir: Optional[str] = flag(
        None,
        "tensorflow_datasets directory, for tasks that read one",
        parse=path_text,
        changeable=True,
        is_local=lambda value: True,
    )

    def find(self) -> tuple[Task, Protocol]:
        """The `Task` and the `Protocol` that the flags name.

        Raises:
          UnknownTask: If there is no such task.
          KeyError: If the task has no such protocol.
        """
        task = find_task(self.task)
        protocol = task.protocols[self.protocol]
        protocol = dataclasses.replace(protocol, racing=self.choose_racing(protocol))
        if self.seeds_per_rule is not None:
            protocol = dataclasses.replace(protocol, seeds=tuple(range(self.seeds_per_rule)))
        return task, protocol

    def choose_racing(self, protocol: Protocol) -> Optional[Racing]:
        """When rules are stopped before they are measured to their end: never, where few are compared."""
        return None

    def check_task(self, p: Parser, advice: str = "") -> None:
        """Ends the command with one line if there is no such task or protocol; see `SearchConfig.check`."""
        try:
            protocols = find_task(self.task).protocols
        except UnknownTask as error:
            p.error(f"argument --task: {error} {advice}".rstrip())
        except (Exception, SystemExit) as error:  # the module is somebody's own
            module = self.task.partition(":")[0]
            p.error(
                f"argument --task: module {module!r} raises {describe_error(error)}. For the whole traceback: "
                f"python -c 'import {module}'"
            )
        if self.protocol not in protocols:
            p.error(
                f"argument --protocol: must be one of: {', '.join(protocols)}, with --task {self.task}. "
                f"Received: {self.protocol!r}."
            )
