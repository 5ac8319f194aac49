"""The compared rules, their given weights and gradients, and the differences between the results."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from neural_optimizer_search.optimizers import CATALOGUE

STEPS = 50
LEARNING_RATE = 0.01
SHAPES = ((), (1,), (7,), (3, 5), (2, 3, 4), (64, 33))

# Rules of the catalogue without random words, because backends draw different numbers.
RULES = tuple(name for name, row in CATALOGUE.items() if not row.rule.random)


def make_optimizer(name: str) -> Any:
    """The optimizer of one of `RULES`."""
    row = CATALOGUE[name]
    return row.make(learning_rate=LEARNING_RATE, **({"decay_steps": STEPS} if row.rule.decays else {}))


def write_given(path: pathlib.Path) -> None:
    """Writes random weights, and gradients of `STEPS` steps with some zeros, to a file for all backends."""
    rng = np.random.default_rng(0)
    arrays = {}
    for i, shape in enumerate(SHAPES):
        arrays[f"weights{i}"] = rng.normal(size=shape)
        # Small, because two rules take the exponential of their square.
        arrays[f"gradients{i}"] = 0.3 * rng.normal(size=(STEPS, *shape)) * (rng.random((STEPS, *shape)) < 0.9)
    np.savez(path, **{name: np.asarray(array, np.float32) for name, array in arrays.items()})


def read_given(path: pathlib.Path) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Reads (weights, gradients of each step) from a file that `write_given` wrote."""
    with np.load(path) as arrays:
        weights = [arrays[f"weights{i}"] for i in range(len(SHAPES))]
        gradients = [arrays[f"gradients{i}"] for i in range(len(SHAPES))]
    return weights, [[np.asarray(one[step]) for one in gradients] for step in range(STEPS)]


def find_differences(weights: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, float]]:
    """Backend -> rule -> the largest difference of a weight from that of any other backend.

    Args:
      weights: Backend -> rule -> all its weights.
    """
    return {
        mine: {
            rule: max((_difference(own, weights[other][rule]) for other in weights if other != mine), default=0.0)
            for rule, own in found.items()
        }
        for mine, found in weights.items()
    }


def _difference(one, other):
    return float(np.max(np.abs(one - other)))
