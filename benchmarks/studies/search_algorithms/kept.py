"""A CSV file of the finished searches."""

import csv
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

FILE = "search_algorithms.csv"


class Replayed(NamedTuple):
    """The result of a replayed search.

    Attributes:
      sampled: Number of rules sampled.
      curve: Rewards of the new rules, in order.
    """

    sampled: int
    curve: Sequence[float]


def append_search(
    path: pathlib.Path, name: str, seed: int, budget: int, sampled: int, curve: Sequence[float]
) -> None:
    """Appends a finished search."""
    with open(path, "a", newline="") as file:
        csv.writer(file).writerow([name, seed, budget, sampled, " ".join(f"{reward:.4f}" for reward in curve)])


def read_searches(path: pathlib.Path, budget: int) -> dict[tuple[str, int], Replayed]:
    """(algorithm, seed) -> the result, for the finished searches with this budget."""
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        return {
            (name, int(seed)): Replayed(int(sampled), [float(reward) for reward in curve.split()])
            for name, seed, of, sampled, curve in csv.reader(file)
            if int(of) == budget
        }
