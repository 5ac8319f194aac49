"""What a rule computes on a recorded descent: gradients, weights, and what is kept of them, at all steps at once."""

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

# The most constants, and arrays of what is kept with them, that are not recorded anew when they come again.
CONSTANTS, KEPT = 32, 256
# Together they have the mean and the deviation of what is drawn: of a mask that zeroes 10, 30 or 50 %, exactly.
DRAWS = 10


@dataclass(frozen=True, eq=False)
class Descent:
    """Descents of the same weights, one after the other.

    Attributes:
      g, w: Gradients and weights of each step, float64 `[descents * steps, weights]`.
      steps: Steps of each descent. Kept arrays start at 0 in each of them.
      tensors: The places in 0 .. weights-1 of each weight tensor, as an array of the tensor's shape.
      shares: What each weight's part in a behaviour is multiplied by, `[weights]` or a number: for a weight that
        stands for n of its tensor, the root of n.
    """

    g: np.ndarray
    w: np.ndarray
    steps: int
    tensors: tuple[np.ndarray, ...]
    shares: Union[np.ndarray, float] = 1.0

    @property
    def descents(self) -> int:
        """How many there are."""
        return len(self.g) // self.steps


class Probe:
    """Computes rules on a recorded descent.

    Args:
      descent: A `Descent`.
      seed: Seed of the draws of rules with noise.
    """

    def __init__(self, descent: Descent, seed: int = 0):
        self.descent = descent
        t = np.tile(np.arange(descent.steps)[:, None], (descent.descents, 1))
        self._state = State(on_numpy, descent.g, descent.w, {}, t, descent.steps, seed)
        self._draws: dict[Optional[int], dict[tuple[str, int], np.ndarray]] = {}
        self._known = functools.lru_cache(CONSTANTS)(self._record_operands)
        self._kept = functools.lru_cache(KEPT)(self._record_kept)

    def update(self, rule: Rule, draw: Optional[int] = None) -> np.ndarray:
        """What the rule computes: float64 `[descents * steps, weights]`.

        Args:
          rule: The `Rule`.
          draw: For a rule with noise, the index of one of `DRAWS` evenly spread draws; None for an independent one.
        """
        averages = {name: self._kept(name, rule.constants) for name in rule.averages}
        operands = self._known(rule.constants)
        inputs = {**vars(self._state), "averages": averages, "constants": rule.constants}
        return update(
            rule,
            _Recorded(
                **inputs,
                tensors=self.descent.tensors,
                operands=operands,
                draws=self._draws.setdefault(draw, {}),
                draw=draw,
            ),
        )

    def _record_operands(self, constants):
        """The values of the words that every child knows, except for numbers."""
        averages = {name: self._kept(name, constants) for name in ALWAYS}
        state = dataclasses.replace(self._state, averages=averages, constants=constants)
        words = (word for word in OPERANDS.values() if not (word.random or is_family(word.name)))
        return {word.name: state.operand(word.name) for word in words if set(word.averages) <= set(ALWAYS)}

    def _record_kept(self, name, constants):
        """What is kept under a name after each step of each descent, from 0; "previous" is before the step."""
        needs = {need: self._kept(need, constants) for need in AVERAGES[name].needs}
        g, steps = self.descent.g, self.descent.steps
        kept, before = np.zeros_like(g), np.zeros(g.shape[1])
        for i in range(len(kept)):
            before = before * (i % steps != 0)
            state = dataclasses.replace(
                self._state,
                g=g[i],
                w=self.descent.w[i],
                averages={need: of_all[i] for need, of_all in needs.items()},
                iterations=i % steps,
                constants=constants,
            )
            after = next_kept(name, before, state)
            kept[i] = before if name == PREVIOUS else after
            before = after
        return kept


@dataclass(frozen=True)
class _Recorded(State):
    """All steps at once, for one rule: its operands are known, and its draws are numbered."""

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
        for step, of_step in enumerate(zip(*arrays)):
            for places in self.tensors:
                result[step, places] = function(*(array[places] for array in of_step))
        return result

    def normal(self):
        return self._draw("normal")

    def uniform(self):
        return self._draw("uniform")

    def _draw(self, kind):
        # The i-th draw of a rule is the same whatever its place, so that `drop(g, 0.1) * m` and `m * drop(g, 0.1)`
        # are one function; two draws of a rule differ, so that `eps - eps` is not 0.
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
    """An order of the draws for each place: int8 `[DRAWS, *shape]`."""
    rng = np.random.default_rng([seed, i, 2])
    return rng.random((DRAWS, *shape)).argsort(axis=0).astype(np.int8)


def _find_quantiles():
    uniform = (np.arange(DRAWS) + 0.5) / DRAWS
    normal = np.array([statistics.NormalDist().inv_cdf(x) for x in uniform])
    return {"uniform": uniform, "normal": normal / normal.std()}


_QUANTILES = _find_quantiles()
