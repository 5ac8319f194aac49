"""The contract of a task: what update rules are measured on."""

import typing
from collections.abc import Mapping
from typing import Optional

from neural_optimizer_search.tasks.child import Child
from neural_optimizer_search.tasks.protocol import Protocol


@typing.runtime_checkable
class Task(typing.Protocol):
    """Names its protocols, and makes the child that rules are measured on under one of them.

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
          protocol: One of `protocols`, or one with other sizes or seeds made of it.
          data_dir: Where the task finds its data; see the task.

        Raises:
          FileNotFoundError: If the data are not there.
          ValueError: If the protocol does not suit the data.
        """
        ...

    def identity(self, protocol: Protocol) -> Optional[str]:
        """A text that differs whenever a reward may, the code of the measuring apart; None if there is no such text.

        Searches share the rewards of tasks with one `identity`. What a module of the user's own computes may change
        between two searches, so it has none.
        """
        ...
