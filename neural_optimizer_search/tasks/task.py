"""The interface of a task, on which update rules are measured."""

import typing
from collections.abc import Mapping
from typing import Optional

from neural_optimizer_search.tasks.child import Child
from neural_optimizer_search.tasks.protocol import Protocol


@typing.runtime_checkable
class Task(typing.Protocol):
    """Names its protocols, and creates the child on which rules are measured under one of them.

    Every implementation passes `tests/contracts/test_task_contract.py`.
    """

    @property
    def name(self) -> str:
        """The name for `--task`, or for messages."""
        ...

    @property
    def protocols(self) -> Mapping[str, Protocol]:
        """The protocols by name: "default", "reduced" and "paper" in every shipped task."""
        ...

    def child(self, protocol: Protocol, data_dir: Optional[str] = None) -> Child:
        """The `Child`, the same for every rule, seed and process.

        Args:
          protocol: One of `protocols`, or a copy with other sizes or seeds.
          data_dir: The directory of the task's data; see the task.

        Raises:
          FileNotFoundError: If the data are missing.
          ValueError: If the protocol does not suit the data.
        """
        ...

    def identity(self, protocol: Protocol) -> Optional[str]:
        """A text that changes whenever rewards may change, except through the measuring code; None if there is none.

        Searches share the rewards of tasks with the same `identity`. A user's own module may change between two
        searches, so its task has none.
        """
        ...
