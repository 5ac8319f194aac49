"""Screens a rule by its updates on a recorded descent, before a child is trained with it.

The probe has 30 noisy gradients of 32 weights at two scales, with the averages, decays and t of a real run. It is
recorded once, and a rule is computed at all its steps at once, which costs a thousandth of a training. Every weight
has a twin with the same value and the opposite gradients, so that a rule that ignores the gradient's sign cannot seem
to descend on both.

Most strings of the language are not optimizers: they are not finite, do not depend on the gradient, or do not go
downhill. Many of the others are the same function up to a positive factor, which the learning rate absorbs.
"""

import hashlib
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.rule_tokens import Iteration
from neural_optimizer_search.measuring.probe import Descent, Probe

STEPS = 30
PAIRS = 16
SCALES = (0.3, 3e-3)  # with only one, different clipped forms and powers would look alike
NOISE = 0.5  # standard deviation of a gradient whose mean is at most 1
DESCENT = 0.35  # minimum cosine of update and gradient; the published rules have 0.53 or more
# The weights form a matrix and a vector, for words that are functions of a whole weight tensor. Both have twins.
PAIRS_IN_MATRIX, MATRIX = 12, (4, 6)
DIGITS = 6  # of an update in its hash; spellings of the same function differ from the 12th digit on


class Screening(NamedTuple):
    """The screen's result for a rule.

    Attributes:
      rule: The `Rule` to train: the given one or, if that ascends, its sign flip. None if neither descends.
      flipped: Whether it is the sign flip.
      key: Equal for rules that compute the same function up to a positive factor.
      reason: Why there is no rule to train, as a sentence; empty if there is one.
    """

    rule: Optional[Rule]
    flipped: bool
    key: str
    reason: str = ""


class Screen:
    """Screens rules.

    Args:
      seed: Seed of the probe. Keys of different probes cannot be compared.

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
        self._recording = _Recording(seed)

    @property
    def probe(self) -> Probe:
        """The `Probe` on which rules are computed."""
        return self._recording.probe

    def __call__(self, rule: Rule) -> Screening:
        """The `Screening` of a `Rule`."""
        with np.errstate(all="ignore"):
            update = self._recording.probe.update(rule)
            scale = np.sqrt(np.mean(update**2))
        if not np.isfinite(scale):
            return Screening(None, False, "", "The update is not finite.")
        if scale == 0.0:
            return Screening(None, False, "", "The update is zero.")
        cosines = self._recording.cosines(update)
        if cosines.min() > DESCENT:
            return Screening(rule, False, hash_update(update / scale))
        if cosines.max() < -DESCENT:
            return Screening(flip(rule), True, hash_update(-update / scale))
        return Screening(None, False, "", "The update does not descend.")


def flip(rule: Rule) -> Rule:
    """The rule with its sign flipped; flipping twice returns the original rule."""
    if rule.iterations[-1] == Iteration(rule.depth - 2, "1", "neg", "identity", "left"):
        return Rule(rule.iterations[:-1], rule.constants)
    return Rule((*rule.iterations, Iteration(rule.depth - 1, "1", "neg", "identity", "left")), rule.constants)


def hash_update(update: np.ndarray) -> str:
    """A short text that is equal for equal arrays, up to rounding."""
    rounded = np.round(update, DIGITS) + 0.0  # no -0
    return hashlib.blake2b(rounded.tobytes(), digest_size=12).hexdigest()


class _Recording:
    """The screen's probe, a recorded descent at each of two scales, and the cosines of updates with its gradients."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        t = np.arange(STEPS)[:, None]
        size, shrinking = 10.0 ** rng.uniform(-1, 0, PAIRS), rng.uniform(0, 0.1, PAIRS)
        g = size * np.exp(-shrinking * t) + NOISE * rng.normal(size=(STEPS, PAIRS))
        g = np.concatenate([scale * np.concatenate([g, -g], axis=1) for scale in SCALES])
        w = np.broadcast_to(np.tile(rng.normal(size=PAIRS), 2), g.shape)
        self._g, self._g_squares = g, _sums(g**2)
        self.probe = Probe(Descent(g, w, STEPS, split()), seed)

    def cosines(self, update):
        """Cosines of update and gradient: one for each scale and twin."""
        return _sums(update * self._g) / np.sqrt(_sums(update**2) * self._g_squares + 1e-300)


def split() -> tuple[np.ndarray, np.ndarray]:
    """The indices of the weights of each weight tensor: a matrix and a vector."""
    twins = np.arange(2 * PAIRS).reshape(2, PAIRS)
    return twins[:, :PAIRS_IN_MATRIX].reshape(MATRIX), twins[:, PAIRS_IN_MATRIX:].reshape(-1)


def _sums(values):
    return values.reshape(len(SCALES), STEPS, 2, PAIRS).sum(axis=(1, 3))
