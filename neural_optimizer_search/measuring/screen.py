"""A look at a rule before a child is trained with it: what does it compute on a recorded descent?

The probe is 30 noisy gradients of 32 weights at two scales, with the averages, decays and t that a run would have. It
is recorded once, and a rule sees all its steps at once: a look costs a thousandth of a training. Every weight has a
twin with the same value and the opposite gradients, so that what does not depend on the gradient's sign cannot seem
to descend on both.

Most strings of the language are no optimizers: they are not finite, or do not depend on the gradient, or do not go
downhill. Many of the others are one function, up to a positive factor, which the learning rate takes up.
"""

import dataclasses
import functools
import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import Iteration, Rule
from neural_optimizer_search.dsl.state import State, next_kept
from neural_optimizer_search.dsl.vocabulary import OPERANDS
from neural_optimizer_search.operations import on_numpy

STEPS = 30
PAIRS = 16
SCALES = (0.3, 3e-3)  # with one, clipped forms and powers that differ would look alike
NOISE = 0.5  # standard deviation of a gradient whose mean is at most 1
DESCENT = 0.35  # the least cosine of update and gradient; the published rules have 0.53 and more
# For words that are functions of a whole weight tensor the weights are a matrix and a vector. Either has twins.
PAIRS_IN_MATRIX, MATRIX = 12, (4, 6)
# The most constants, and arrays of what is kept with them, that are not recorded anew when they come again.
CONSTANTS, KEPT = 32, 256
DIGITS = 6  # of a fingerprint; the spellings of one function differ from the 12th on


class Screening(NamedTuple):
    """What the screen says of a rule.

    Attributes:
      rule: The `Rule` to train: the one that was given or, if that ascends, its sign flip. None if neither descends.
      flipped: Whether it is the sign flip.
      key: Equal for rules that compute one function up to a positive factor.
      reason: Why there is no rule to train, as a sentence; empty if there is one.
    """

    rule: Optional[Rule]
    flipped: bool
    key: str
    reason: str = ""


class Screen:
    """Looks at rules.

    Args:
      seed: Of the probe. Keys of different probes say nothing of each other.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.measuring.screen import Screen
      >>> screen = Screen()
      >>> screen(parse_formula("g^2")).reason
      'The update does not descend.'
      >>> screen(parse_formula("-m")).rule.formula()
      'm'
      >>> screen(parse_formula("2 * g")).key == screen(parse_formula("g")).key
      True
    """

    def __init__(self, seed: int = 0):
        self._probe = _Probe(seed)

    def __call__(self, rule: Rule) -> Screening:
        """The `Screening` of a `Rule`."""
        with np.errstate(all="ignore"):
            update = self._probe.update(rule)
            scale = np.sqrt(np.mean(update**2))
        if not np.isfinite(scale):
            return Screening(None, False, "", "The update is not finite.")
        if scale == 0.0:
            return Screening(None, False, "", "The update is zero.")
        cosines = self._probe.cosines(update)
        if cosines.min() > DESCENT:
            return Screening(rule, False, fingerprint(update / scale))
        if cosines.max() < -DESCENT:
            return Screening(flip(rule), True, fingerprint(-update / scale))
        return Screening(None, False, "", "The update does not descend.")


def flip(rule: Rule) -> Rule:
    """The rule with its sign flipped; flipping again gives the rule."""
    if rule.iterations[-1] == Iteration(rule.depth - 2, "1", "neg", "identity", "left"):
        return Rule(rule.iterations[:-1], rule.constants)
    return Rule((*rule.iterations, Iteration(rule.depth - 1, "1", "neg", "identity", "left")), rule.constants)


def fingerprint(update: np.ndarray) -> str:
    """A short text that is equal for equal arrays, up to rounding."""
    rounded = np.round(update, DIGITS) + 0.0  # no -0
    return hashlib.blake2b(rounded.tobytes(), digest_size=12).hexdigest()


class _Probe:
    """The recorded descent, `[step of a scale, weight]`, and what a rule computes on it."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        t = np.arange(STEPS)[:, None]
        size, shrinking = 10.0 ** rng.uniform(-1, 0, PAIRS), rng.uniform(0, 0.1, PAIRS)
        g = size * np.exp(-shrinking * t) + NOISE * rng.normal(size=(STEPS, PAIRS))
        g = np.concatenate([scale * np.concatenate([g, -g], axis=1) for scale in SCALES])
        w = np.broadcast_to(np.tile(rng.normal(size=PAIRS), 2), g.shape)
        self._g, self._g_squares = g, _sums(g**2)
        self._state = State(on_numpy, g, w, {}, np.tile(t, (len(SCALES), 1)), STEPS, seed)
        self._draws: dict[tuple[str, int], np.ndarray] = {}
        self._known = functools.lru_cache(CONSTANTS)(self._record_operands)
        self._kept = functools.lru_cache(KEPT)(self._record_kept)

    def update(self, rule):
        """What the rule computes: float64 `[steps at all scales, weights]`."""
        averages = {name: self._kept(name, rule.constants) for name in rule.averages}
        operands = self._known(rule.constants)
        inputs = {**vars(self._state), "averages": averages, "constants": rule.constants}
        return update(rule, _Recorded(**inputs, operands=operands, draws=self._draws))

    def _record_operands(self, constants):
        """The values of the words that every child knows, and that are no numbers."""
        averages = {name: self._kept(name, constants) for name in ALWAYS}
        state = dataclasses.replace(self._state, averages=averages, constants=constants)
        words = (word for word in OPERANDS.values() if not (word.random or is_family(word.name)))
        return {word.name: state.operand(word.name) for word in words if set(word.averages) <= set(ALWAYS)}

    def _record_kept(self, name, constants):
        """What is kept under a name after each step of each scale, from 0; "previous" is before the step."""
        needs = {need: self._kept(need, constants) for need in AVERAGES[name].needs}
        kept, before = np.zeros_like(self._g), np.zeros(self._g.shape[1])
        for i in range(len(kept)):
            before = before * (i % STEPS != 0)
            state = dataclasses.replace(
                self._state,
                g=self._g[i],
                w=self._state.w[i],
                averages={need: of_all[i] for need, of_all in needs.items()},
                iterations=i % STEPS,
                constants=constants,
            )
            after = next_kept(name, before, state)
            kept[i] = before if name == PREVIOUS else after
            before = after
        return kept

    def cosines(self, update):
        """Of update and gradient: one for each scale and for either twin."""
        return _sums(update * self._g) / np.sqrt(_sums(update**2) * self._g_squares + 1e-300)


def split(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weight tensors of a step, `[weights]`: a matrix and a vector."""
    twins = step.reshape(2, PAIRS)
    return twins[:, :PAIRS_IN_MATRIX].reshape(MATRIX), twins[:, PAIRS_IN_MATRIX:].reshape(-1)


def join(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Undoes `split`."""
    return np.concatenate([matrix.reshape(2, -1), vector.reshape(2, -1)], axis=1).reshape(-1)


def _sums(values):
    return values.reshape(len(SCALES), STEPS, 2, PAIRS).sum(axis=(1, 3))


@dataclass(frozen=True)
class _Recorded(State):
    """All steps at once, for one rule: its operands are known, and its draws are numbered."""

    operands: dict[str, np.ndarray] = field(default_factory=dict)
    draws: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    drawn: list[str] = field(default_factory=list)

    def at(self, place):
        return self

    def operand(self, name):
        return self.operands[name] if name in self.operands else super().operand(name)

    def each_tensor(self, function, *arrays):
        return np.stack([join(*map(function, *map(split, step))) for step in zip(*arrays)])

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
            self.draws[kind, i] = getattr(rng, kind)(size=self.g.shape)
        return self.draws[kind, i]
