"""Finds rules that behave alike: their updates on recorded descents point in the same direction.

A rule's behaviour is a unit vector: its updates at all steps, each descent divided by its norm. If the behaviours of
two rules have a cosine near 1, training the second one tells no more than noise would.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.probe import DRAWS, Probe

# Vectors that are close are close along every direction, so a few directions rule out most candidates: searching 10^5
# vectors takes 0.5 ms of processor time instead of 16 ms.
DIRECTIONS = 16
# Length of a behaviour vector: 1 - cosine is accurate to 6 %, and 10^5 behaviours take 0.2 GB.
NUMBERS = 512
# Behaviours that each probe keeps, 2 KB each. A search needs that of a new rule twice, and that of each of its best
# rules once for each of its rankings, where one takes up to 20 ms.
KEPT = 4096


@dataclass(frozen=True)
class Likeness:
    """The minimum cosines of two rules that count as alike; both must be reached.

    Args:
      probe: Minimum cosine on the screen's probe.
      task: Minimum cosine on the first gradients of the task's own child.
    """

    probe: float = 0.99
    task: float = 0.995


def find_behaviour(probe: Probe, rule: Rule) -> np.ndarray:
    """A rule's behaviour on a recorded descent: float32 `[NUMBERS]` of norm 1; NaN if the update is not finite.

    It combines the update u and its signed root, sign(u)·sqrt(|u|), each divided by its norm: in the update alone, a
    few huge numbers, such as those of x/0, would hide all others. The root is finite wherever the update is.

    For a rule with noise, u consists of the mean update and its standard deviation, because a rule is the same
    whatever numbers are drawn.
    """
    descent = probe.descent
    with np.errstate(all="ignore"):
        moments = _find_moments(probe, rule)
        views = np.stack([moments, np.sign(moments) * np.sqrt(np.abs(moments))]) * descent.shares
        # Mean and deviation of a descent share one norm, so that the vector keeps the relative size of the noise.
        views = views.reshape(2, len(moments), descent.descents, -1).swapaxes(1, 2).reshape(2, descent.descents, -1)
        # Divide by the largest value first, because the squares of small updates would underflow to 0.
        views = views / np.abs(views).max(axis=2, keepdims=True)
        views = views / np.linalg.norm(views, axis=2, keepdims=True)
        parts = views.reshape(2, descent.descents, len(moments), -1)
        folded = sum(_fold(parts[:, :, i].reshape(-1), i) for i in range(len(moments)))
        return np.asarray(folded / np.linalg.norm(folded), np.float32)


def _recall_behaviour(probe, rule):
    kept = probe.behaviours
    if rule not in kept:
        if len(kept) >= KEPT:
            del kept[next(iter(kept))]  # the oldest
        kept[rule] = find_behaviour(probe, rule)
    return kept[rule]


def _find_moments(probe, rule):
    """The mean update and, for a rule with noise, its standard deviation: `[1 or 2, descents * steps, weights]`."""
    if not rule.random:
        return probe.update(rule)[None]
    updates = np.stack([probe.update(rule, draw) for draw in range(DRAWS)])
    return np.stack([updates.mean(axis=0), updates.std(axis=0)])


def _fold(numbers, seed):
    """Projects to `NUMBERS` sums of the numbers with random signs, which preserves cosines."""
    places, signs = _draw_places(len(numbers), seed)
    return np.bincount(places, numbers * signs, NUMBERS)


@functools.lru_cache(8)
def _draw_places(count, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(NUMBERS, size=count), rng.choice([-1.0, 1.0], count)


class Behaviours:
    """An index of rules, by key, that finds those that behave alike.

    Args:
      probes: The screen's probe and, if it was recorded, the task's own.
      likeness: A `Likeness`.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.measuring.behaviour import Behaviours
      >>> from neural_optimizer_search.measuring.screen import Screen
      >>> behaviours = Behaviours([Screen().probe])
      >>> behaviours.add("adam", parse_formula("Adam"))
      >>> behaviours.find(parse_formula("Adam - clip(clip(v, 1e-3), 1e-3)"))
      'adam'
    """

    def __init__(self, probes: Sequence[Probe], likeness: Likeness = Likeness()):
        self._probes = probes
        self._thresholds = (likeness.probe, likeness.task)[: len(probes)]
        self._keys: list[str] = []
        self._vectors = [_Vectors() for _ in probes]

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, rule: Rule) -> None:
        """Stores a rule's behaviour under a key."""
        self._keys.append(key)
        for vectors, probe in zip(self._vectors, self._probes):
            vectors.add(_recall_behaviour(probe, rule))

    def find(self, rule: Rule) -> Optional[str]:
        """The key of the nearest rule that behaves like this one; None if there is none."""
        if not self._keys:
            return None
        places, cosines = np.arange(len(self)), np.ones(len(self))
        for number, (vectors, probe, threshold) in enumerate(zip(self._vectors, self._probes, self._thresholds)):
            behaviour = _recall_behaviour(probe, rule)
            if number == 0:  # leaves few rules for the exact comparison
                places = vectors.find_near(behaviour, threshold)
                cosines = np.ones(len(places))
            of_probe = vectors.cosines(behaviour, places)
            alike = of_probe >= threshold
            places, cosines = places[alike], np.minimum(cosines, of_probe)[alike]
            if not len(places):
                return None
        return self._keys[places[np.argmax(cosines)]]


def are_alike(probes: Sequence[Probe], likeness: Likeness, one: Rule, other: Rule) -> bool:
    """Whether two rules behave alike.

    Args:
      probes, likeness: See `Behaviours`.
      one, other: The rules.
    """
    behaviours = Behaviours(probes, likeness)
    behaviours.add("", one)
    return behaviours.find(other) is not None


class _Vectors:
    """Unit vectors in the order they were added, with a fast search for those near another vector."""

    def __init__(self):
        self._count = 0
        self._rows = np.zeros((0, 0), np.float32)
        self._directions = np.zeros((0, 0), np.float32)
        self._coordinates = np.zeros((0, DIRECTIONS), np.float32)
        self._squares = np.zeros(0, np.float32)  # sums of the squared coordinates

    def add(self, vector):
        if self._count == len(self._rows):
            self._rows = _lengthen(self._rows.reshape(-1, len(vector)))
            self._coordinates, self._squares = _lengthen(self._coordinates), _lengthen(self._squares)
        self._rows[self._count] = vector
        self._count += 1
        if len(self._directions) < DIRECTIONS and np.isfinite(vector).all():
            self._add_direction(vector)
        last = self._count - 1
        self._coordinates[last, : len(self._directions)] = self._directions.reshape(-1, len(vector)) @ vector
        self._squares[last] = np.sum(self._coordinates[last] ** 2)

    def _add_direction(self, vector):
        """Adds a vector's component orthogonal to all directions as a new direction, if it is large."""
        directions = self._directions.reshape(-1, len(vector))
        new = vector - (directions @ vector) @ directions
        length = np.linalg.norm(new)
        if length > 0.5:
            self._directions = np.concatenate([directions, new[None] / length])
            self._coordinates[: self._count, len(directions)] = self._rows[: self._count] @ self._directions[-1]
            self._squares[: self._count] = np.sum(self._coordinates[: self._count] ** 2, axis=1)

    def find_near(self, vector, cosine):
        """The indices of all vectors whose cosine with this one may be at least `cosine`."""
        k = len(self._directions)
        here = np.zeros(DIRECTIONS, np.float32)
        here[:k] = self._directions.reshape(-1, len(vector)) @ vector
        # |x - y|^2 = 2 - 2 cos for unit vectors, at least its part in a few directions. 1e-5 allows for rounding.
        squares = self._squares[: self._count] - 2.0 * (self._coordinates[: self._count] @ here) + here @ here
        return np.flatnonzero(squares <= 2.0 * (1.0 - cosine) + 1e-5)

    def cosines(self, vector, places):
        return self._rows[places] @ vector


def _lengthen(rows):
    """At least doubles the number of rows, so that adding rows one by one copies each only a few times."""
    return np.concatenate([rows, np.zeros((max(64, len(rows)), *rows.shape[1:]), rows.dtype)])
