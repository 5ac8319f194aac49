"""What an algorithm proposes."""

from typing import Any, NamedTuple


class Proposal(NamedTuple):
    """A batch of rules.

    Attributes:
      rules: List of `Rule`s; empty if none of those considered is legal.
      drawn: What the algorithm wants to know of them when it learns from their evaluations.
    """

    rules: list
    drawn: Any = None
