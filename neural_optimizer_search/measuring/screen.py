"""A look at a rule before a child is trained with it: what does it compute on a recorded descent?

The probe is 30 noisy gradients of 32 weights at two scales, with the averages, decays and t that a run would have. It
is recorded once, and a rule sees all its steps at once: a look costs a thousandth of a training. Every weight has a
twin with the same value and the opposite gradients, so that what does not depend on the gradient's sign cannot seem
to descend on both.

Most strings of the language are no optimizers: they are not finite, or do not depend on the gradient, or do not go
downhill. Many of the others are one function, up to a positive factor, which the learning rate takes up.
"""

import hashlib
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.dsl import interpreter
from neural_optimizer_search.dsl.rule import Iteration, Rule
from neural_optimizer_search.dsl.vocabulary import DELTA, OPERANDS

STEPS = 30
PAIRS = 16
SCALES = (0.3, 3e-3)  # with one, clipped forms and powers that differ would look alike
NOISE = 0.5  # standard deviation of a gradient whose mean is at most 1
DESCENT = 0.35  # the least cosine of update and gradient; the published rules have 0.53 and more
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
        return Rule(rule.iterations[:-1])
    return Rule((*rule.iterations, Iteration(rule.depth - 1, "1", "neg", "identity", "left")))


def fingerprint(update: np.ndarray) -> str:
    """A short text that is equal for equal arrays, up to rounding."""
    rounded = np.round(update, DIGITS) + 0.0  # no -0
    return hashlib.blake2b(rounded.tobytes(), digest_size=12).hexdigest()


class _Probe:
    """The recorded descent, `[step of a scale, weight]`, and what a rule computes on it.

    The functions are NumPy's, which take 2 microseconds where TensorFlow's take 80; the operands are those of
    the interpreter.
    """

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        t = np.arange(STEPS)[:, None]
        size, shrinking = 10.0 ** rng.uniform(-1, 0, PAIRS), rng.uniform(0, 0.1, PAIRS)
        g = size * np.exp(-shrinking * t) + NOISE * rng.normal(size=(STEPS, PAIRS))
        g = np.concatenate([scale * np.concatenate([g, -g], axis=1) for scale in SCALES])
        w = np.broadcast_to(np.tile(rng.normal(size=PAIRS), 2), g.shape)
        self._g, self._g_squares = g, _sums(g**2)
        self._seed, self._draws = seed, {}
        inputs = interpreter.Inputs(
            g=tf.constant(g),
            w=tf.constant(w),
            averages={name: tf.constant(_average(g, beta, power)) for name, beta, power in interpreter.AVERAGES},
            t=tf.constant(np.tile(t, (len(SCALES), 1))),
            T=tf.constant(STEPS, tf.int64),
            seed=tf.constant(seed, tf.int64),  # nothing draws from it: the noise is `_draw`'s
        )
        self._stddev = {"eps": 0.1, "eps_t": interpreter.annealed_noise_stddev(np.tile(t, (len(SCALES), 1)))}
        self._operands = {
            name: interpreter.OPERAND_VALUES[name](inputs, None).numpy()
            for name in OPERANDS
            if name not in self._stddev
        }

    def update(self, rule):
        """What the rule computes: float64 `[steps at all scales, weights]`."""
        outputs, drawn = [], []

        def draw(kind):
            # The i-th draw of a rule is the same whatever its place, so that `drop(g, 0.1) * m` and
            # `m * drop(g, 0.1)` are one function; two draws of a rule differ, so that `eps - eps` is not 0.
            drawn.append(kind)
            return self._draw(kind, len(drawn))

        def operand(op):
            if isinstance(op, int):
                return outputs[op]
            return self._stddev[op] * draw("normal") if op in self._stddev else self._operands[op]

        for k, (op1, op2, u1, u2, b) in enumerate(rule.iterations):
            if k not in rule.live:
                outputs.append(None)
                continue
            x = UNARIES[u1](operand(op1), draw)
            outputs.append(x if b == "left" else BINARIES[b](x, UNARIES[u2](operand(op2), draw)))
        return outputs[-1]

    def _draw(self, kind, i):
        if (kind, i) not in self._draws:
            rng = np.random.default_rng([self._seed, i, kind == "normal"])
            self._draws[kind, i] = getattr(rng, kind)(size=self._g.shape)
        return self._draws[kind, i]

    def cosines(self, update):
        """Of update and gradient: one for each scale and for either twin."""
        return _sums(update * self._g) / np.sqrt(_sums(update**2) * self._g_squares + 1e-300)


def _sums(values):
    return values.reshape(len(SCALES), STEPS, 2, PAIRS).sum(axis=(1, 3))


def _average(g, beta, power):
    """The running average of each scale's steps, from 0."""
    averages = np.zeros_like(g)
    for i, gradient in enumerate(g):
        before = averages[i - 1] if i % STEPS else np.zeros_like(gradient)
        averages[i] = interpreter.next_average(before, gradient, beta, power)
    return averages


def _drop(probability):
    return lambda x, draw: np.where(draw("uniform") < probability, 0.0, x)


UNARIES = {
    "identity": lambda x, draw: x,
    "neg": lambda x, draw: -x,
    "exp": lambda x, draw: np.exp(x),
    "log": lambda x, draw: np.log(np.abs(x)),
    "sqrt": lambda x, draw: np.sqrt(np.abs(x)),
    "clip_1e-5": lambda x, draw: np.clip(x, -1e-5, 1e-5),
    "clip_1e-4": lambda x, draw: np.clip(x, -1e-4, 1e-4),
    "clip_1e-3": lambda x, draw: np.clip(x, -1e-3, 1e-3),
    "drop_0.1": _drop(0.1),
    "drop_0.3": _drop(0.3),
    "drop_0.5": _drop(0.5),
    "sign": lambda x, draw: np.sign(x),
    "sigmoid": lambda x, draw: 1.0 / (1.0 + np.exp(-x)),
}

BINARIES = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": lambda x, y: x / (y + DELTA),
    "pow": np.power,
}
