"""The file of the finished searches."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.studies.common.kept import Kept

FILE = "search_algorithms.jsonl"
DIGITS = 4  # of the stored rewards


class Replayed(NamedTuple):
    """The result of a replayed search.

    Attributes:
      sampled: Number of rules sampled.
      curve: Rewards of the new rules, in order; fewer than the budget if the algorithm proposed nothing new.
    """

    sampled: int
    curve: Sequence[float]


def open_searches(path: pathlib.Path) -> Kept:
    """The file of the finished searches, each a `Replayed` under its `name_search`."""
    return Kept(path, lambda stored: Replayed(**stored))


def name_search(algorithm: str, seed: int, budget: int) -> dict[str, Any]:
    """The key of a search in the file."""
    return dict(algorithm=algorithm, seed=seed, budget=budget)


def write_search(found: Replayed) -> dict[str, Any]:
    """The JSON form of a `Replayed`."""
    return dict(sampled=found.sampled, curve=[round(reward, DIGITS) for reward in found.curve])
