"""The flags that choose the task on which rules are measured."""

import dataclasses
import itertools
from dataclasses import dataclass
from typing import ClassVar, Optional

from neural_optimizer_search.command_line import Parser, is_own, path_text, whole_number
from neural_optimizer_search.describe_error import describe_error
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks import TASKS, UnknownTask, find_task
from neural_optimizer_search.tasks.protocol import Protocol, Racing
from neural_optimizer_search.tasks.task import Task


@dataclass(frozen=True)
class TaskConfig:
    """The task, protocol and data of a command; `nos-search`, `nos-promote` and `nos-tune` share these flags."""

    GROUPS: ClassVar[dict[str, str]] = {"task": "what rules are measured on"}

    task: str = flag(
        "digits",
        f"what rules are measured on: {', '.join(TASKS)}, or module:attribute of your own",
        is_local=is_own,
    )
    protocol: str = flag(
        "default", "how rules are trained (steps, rates, seeds): default, paper, or reduced for a quick try"
    )
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

    @property
    def task_names(self) -> tuple[str, ...]:
        """The names of the tasks: just one, except in a search."""
        return (self.task,)

    def find(self) -> tuple[Task, Protocol]:
        """The first of `find_each`."""
        return self.find_each()[0]

    def find_each(self) -> list[tuple[Task, Protocol]]:
        """Each `Task` with the `Protocol` that the flags name; several tasks are measured with the same seeds.

        Raises:
          UnknownTask: If there is no such task.
          KeyError: If the task has no such protocol.
        """
        tasks = [find_task(name) for name in self.task_names]
        protocols = [task.protocols[self.protocol] for task in tasks]
        seeds = max((protocol.seeds for protocol in protocols), key=len)
        if self.seeds_per_rule is not None:
            others = (seed for seed in itertools.count() if seed not in seeds)
            seeds = tuple(itertools.islice(itertools.chain(seeds, others), self.seeds_per_rule))
        return [
            (task, dataclasses.replace(protocol, racing=self.choose_racing(protocol), seeds=seeds))
            for task, protocol in zip(tasks, protocols)
        ]

    def choose_racing(self, protocol: Protocol) -> Optional[Racing]:
        """When to stop rules before they are fully measured; here never, because few rules are compared."""
        return None

    def check_task(self, p: Parser, advice: str = "") -> None:
        """Ends the command with one line if there is no such task or protocol.

        Args:
          p: The command's parser.
          advice: A sentence on what to do if there is no such task.
        """
        for name in self.task_names:
            self._check_name(p, name, advice)

    def _check_name(self, p, name, advice):
        try:
            protocols = find_task(name).protocols
        except UnknownTask as error:
            p.error(f"argument --task: {error} {advice}".rstrip())
        except (Exception, SystemExit) as error:  # the module is the user's code
            module = name.partition(":")[0]
            p.error(
                f"argument --task: module {module!r} raises {describe_error(error)}. For the whole traceback: "
                f"python -c 'import {module}'"
            )
        if self.protocol not in protocols:
            p.error(
                f"argument --protocol: must be one of: {', '.join(protocols)}, with --task {name}. "
                f"Received: {self.protocol!r}."
            )
