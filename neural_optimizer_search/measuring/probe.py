"""Computes rules on a recorded descent, with its gradients, weights and averages, at all steps at once."""

import dataclasses
import functools
import statistics
from dataclasses import dataclass, field
from typing import Optional, Union

import numpy as np

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.state import State, next_kept
from neural_optimizer_search.dsl.vocabulary import OPERANDS
from neural_optimizer_search.operations import on_numpy

# Cache sizes: sets of constants, and arrays that are kept from step to step with them.
CONSTANTS, KEPT = 32, 256
# Number of draws that together have the mean and deviation of their distribution, exactly so for a mask that zeroes
# 10, 30 or 50 %.
DRAWS = 10


@dataclass(frozen=True, eq=False)
class Descent:
    """Descents of the same weights, one after the other.

    Attributes:
      g, w: Gradients and weights of each step, float64 `[descents * steps, weights]`.
      steps: Steps of each descent. Kept arrays start at 0 in each descent.
      tensors: For each weight tensor, an array of its shape with the indices of its weights in 0 .. weights-1.
      shares: The factor of each weight in a behaviour, `[weights]` or a number: the square root of n for a weight
        that represents n weights of its tensor.
    """

    g: np.ndarray
    w: np.ndarray
    steps: int
    tensors: tuple[np.ndarray, ...]
    shares: Union[np.ndarray, float] = 1.0

    @property
    def descents(self) -> int:
        """The number of descents."""
        return len(self.g) // self.steps


class Probe:
    """Computes rules on a recorded descent.

    Args:
      descent: A `Descent`.
      seed: Seed of the noise.

    Attributes:
      behaviours: The behaviours of rules on the descent, as far as they are kept; see `behaviour.py`.
    """

    def __init__(self, descent: Descent, seed: int = 0):
        self.descent, self.behaviours = descent, dict[Rule, np.ndarray]()
        t = np.tile(np.arange(descent.steps)[:, None], (descent.descents, 1))
        self._state = State(on_numpy, descent.g, descent.w, {}, t, descent.steps, seed)
        self._draws: dict[Optional[int], dict[tuple[str, int], np.ndarray]] = {}
        self._same_for_draws = functools.lru_cache(1)(lambda rule: {})
        self._known = functools.lru_cache(CONSTANTS)(self._record_operands)
        self._kept = functools.lru_cache(KEPT)(self._record_kept)

    def update(self, rule: Rule, draw: Optional[int] = None) -> np.ndarray:
        """The updates of a rule: float64 `[descents * steps, weights]`.

        Args:
          rule: The `Rule`.
          draw: For a rule with noise, the index of one of `DRAWS` evenly spread draws; None for an independent one.
        """
        averages = {name: self._kept(name, rule.constants) for name in rule.averages}
        operands = self._known(rule.constants)
        inputs = {**vars(self._state), "averages": averages, "constants": rule.constants}
        # Draws differ only in their noise; orthogonalizing anew for each takes most of the time of such a rule.
        same = None if draw is None else self._same_for_draws(rule)
        return update(
            rule,
            _Recorded(
                **inputs,
                tensors=self.descent.tensors,
                operands=operands,
                draws=self._draws.setdefault(draw, {}),
                draw=draw,
            ),
            same,
        )

    def _record_operands(self, constants):
        """The values of the operands that every child has, except for numbers."""
        averages = {name: self._kept(name, constants) for name in ALWAYS}
        state = dataclasses.replace(self._state, averages=averages, constants=constants)
        words = (word for word in OPERANDS.values() if not (word.random or is_family(word.name)))
        return {word.name: state.operand(word.name) for word in words if set(word.averages) <= set(ALWAYS)}

    def _record_kept(self, name, constants):
        """The array kept under a name after each step of each descent, starting from 0; "previous" is before it."""
        needs = {need: self._kept(need, constants) for need in AVERAGES[name].needs}
        g, steps = self.descent.g, self.descent.steps
        kept, before = np.zeros_like(g), np.zeros(g.shape[1])
        for i in range(len(kept)):
            before = before * (i % steps != 0)
            state = _OneStep(
                **{
                    **vars(self._state),
                    "g": g[i],
                    "w": self.descent.w[i],
                    "averages": {need: of_all[i] for need, of_all in needs.items()},
                    "iterations": i % steps,
                    "constants": constants,
                },
                tensors=self.descent.tensors,
            )
            after = next_kept(name, before, state)
            kept[i] = before if name == PREVIOUS else after
            before = after
        return kept


def _fill_tensors(result, tensors, function, arrays):
    """Applies a function to each weight tensor of arrays `[weights]`; the results are written to `result`."""
    for places in tensors:
        result[places] = function(*(array[places] for array in arrays))


@dataclass(frozen=True)
class _OneStep(State):
    """The state of one step."""

    tensors: tuple[np.ndarray, ...] = ()

    def each_tensor(self, function, *arrays):
        result = np.empty_like(self.g)
        _fill_tensors(result, self.tensors, function, arrays)
        return result


@dataclass(frozen=True)
class _Recorded(State):
    """The state of all steps at once for one rule, with cached operands and numbered draws."""

    tensors: tuple[np.ndarray, ...] = ()
    operands: dict[str, np.ndarray] = field(default_factory=dict)
    draws: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    draw: Optional[int] = None
    drawn: list[str] = field(default_factory=list)

    def at(self, place):
        return self

    def operand(self, name):
        return self.operands[name] if name in self.operands else super().operand(name)

    def each_tensor(self, function, *arrays):
        result = np.empty_like(self.g)
        for of_step in zip(result, *arrays):
            _fill_tensors(of_step[0], self.tensors, function, of_step[1:])
        return result

    def normal(self):
        return self._draw("normal")

    def uniform(self):
        return self._draw("uniform")

    def _draw(self, kind):
        # The i-th draw of a rule is the same wherever it occurs, so that `drop(g, 0.1) * m` and `m * drop(g, 0.1)`
        # are the same function. Two draws of a rule differ, so that `eps - eps` is not 0.
        self.drawn.append(kind)
        i = len(self.drawn)
        if (kind, i) not in self.draws:
            rng = np.random.default_rng([self.seed, i, kind == "normal"])
            self.draws[kind, i] = (
                getattr(rng, kind)(size=self.g.shape)
                if self.draw is None
                else _QUANTILES[kind][_shuffle(self.seed, i, self.g.shape)[self.draw]]
            )
        return self.draws[kind, i]


@functools.lru_cache(16)
def _shuffle(seed, i, shape):
    """A random order of the draws for each element: int8 `[DRAWS, *shape]`."""
    rng = np.random.default_rng([seed, i, 2])
    return rng.random((DRAWS, *shape)).argsort(axis=0).astype(np.int8)


def _find_quantiles():
    uniform = (np.arange(DRAWS) + 0.5) / DRAWS
    normal = np.array([statistics.NormalDist().inv_cdf(x) for x in uniform])
    return {"uniform": uniform, "normal": normal / normal.std()}


_QUANTILES = _find_quantiles()
