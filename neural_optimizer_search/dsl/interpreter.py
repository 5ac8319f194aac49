"""What the words compute: operand values and a rule to an update direction.

Each word of `vocabulary.py` has one row here. A rule is run in two ways over the same rows: `update` takes a `Rule`
while tracing, so only its own words enter the graph; `token_interpreter.py` takes the tokens as a tensor, so one
graph runs every rule.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

import tensorflow as tf

from neural_optimizer_search.decays import Decay, Values, annealed_noise_stddev
from neural_optimizer_search.dsl.rule import TOKENS_PER_ITERATION, Rule
from neural_optimizer_search.dsl.vocabulary import (
    BETA_1,
    BETA_2,
    BETA_3,
    DELTA,
)

# (name, its decay rate, the power of g it averages)
AVERAGES = (("m", BETA_1, 1), ("v", BETA_2, 2), ("gamma", BETA_3, 3))


def next_average(average: Values, g: Values, beta: float, power: int) -> Any:
    """β·average + (1-β)·g^power, a tensor of tensors and an array of arrays."""
    return average + (g**power - average) * (1.0 - beta)


@dataclass
class Inputs:
    """What a rule may read at one step, for one weight tensor.

    Attributes:
      g, w: The gradient and the weights before the update, of one shape and float dtype.
      averages: {"m", "v", "gamma"} -> the running averages that the rule reads, already updated with `g`.
      t: Int64 scalar, the 0-based number of weight updates so far.
      T: Int64 scalar, the number of steps; read by the decay operands only.
      seed: Int64 scalar; noise depends on it, on `t` and on the place in the rule, and on nothing else.
    """

    g: tf.Tensor
    w: tf.Tensor
    averages: Mapping[str, tf.Tensor]
    t: tf.Tensor
    T: tf.Tensor
    seed: tf.Tensor

    def corrected(self, name: str) -> tf.Tensor:
        """The bias-corrected average: average / (1 - β^(t+1))."""
        beta = {row[0]: row[1] for row in AVERAGES}[name]
        steps = tf.cast(self.t + 1, tf.float32)
        # expm1, because 1 - 0.999^1 in float32 is off by 1e-5.
        correction = -tf.math.expm1(steps * math.log(beta))
        return self.averages[name] / tf.cast(correction, self.g.dtype)

    def decay(self, name: str) -> tf.Tensor:
        """A function of t/T, as large as the gradient."""
        value = Decay(name)(tf.cast(self.t, tf.float32), tf.cast(self.T, tf.float32))
        return self.constant(tf.cast(value, self.g.dtype))

    def constant(self, value: Union[float, tf.Tensor]) -> tf.Tensor:
        """A number as a tensor of the gradient's shape."""
        return tf.ones_like(self.g) * value

    def random_seed(self, place: Union[int, tf.Tensor]) -> tf.Tensor:
        """A stateless seed; `place` numbers the token that draws, below 2^16."""
        return tf.stack([self.seed, self.t * 2**16 + tf.cast(place, tf.int64)])

    def normal(self, place: Union[int, tf.Tensor], stddev: Union[float, tf.Tensor]) -> tf.Tensor:
        """Gaussian noise of the gradient's shape."""
        noise = tf.random.stateless_normal(tf.shape(self.g), self.random_seed(place), dtype=self.g.dtype)
        return noise * tf.cast(stddev, self.g.dtype)

    def root(self, name: str) -> tf.Tensor:
        """What Adam and RMSProp divide by."""
        return tf.sqrt(self.corrected(name)) + DELTA


OPERAND_VALUES = {
    "g": lambda s, place: s.g,
    "g^2": lambda s, place: tf.square(s.g),
    "g^3": lambda s, place: s.g * tf.square(s.g),
    "m": lambda s, place: s.corrected("m"),
    "v": lambda s, place: s.corrected("v"),
    "gamma": lambda s, place: s.corrected("gamma"),
    "sign(g)": lambda s, place: tf.sign(s.g),
    "sign(m)": lambda s, place: tf.sign(s.averages["m"]),
    "1": lambda s, place: s.constant(1.0),
    "2": lambda s, place: s.constant(2.0),
    "eps": lambda s, place: s.normal(place, 0.1),  # variance 0.01
    "1e-4*w": lambda s, place: 1e-4 * s.w,
    "1e-3*w": lambda s, place: 1e-3 * s.w,
    "1e-2*w": lambda s, place: 1e-2 * s.w,
    "1e-1*w": lambda s, place: 1e-1 * s.w,
    "Adam": lambda s, place: s.corrected("m") / s.root("v"),
    "RMSProp": lambda s, place: s.g / s.root("v"),
    "ld": lambda s, place: s.decay("ld"),
    "cd": lambda s, place: s.decay("cd"),
    "cd_1": lambda s, place: s.decay("cd_1"),
    "rd_10": lambda s, place: s.decay("rd_10"),
    "rd_20": lambda s, place: s.decay("rd_20"),
    "eps_t": lambda s, place: s.normal(place, annealed_noise_stddev(tf.cast(s.t, tf.float32))),
}


def _clip(limit):
    return lambda x, s, place: tf.clip_by_value(x, -limit, limit)


def _drop(probability):
    """Zeroes with the given probability; what is kept is not rescaled."""

    def drop(x, s, place):
        draw = tf.random.stateless_uniform(tf.shape(x), s.random_seed(place), dtype=tf.float32)
        return tf.where(draw < probability, tf.zeros_like(x), x)

    return drop


UNARY_VALUES = {
    "identity": lambda x, s, place: x,
    "neg": lambda x, s, place: -x,
    "exp": lambda x, s, place: tf.exp(x),
    "log": lambda x, s, place: tf.math.log(tf.abs(x)),
    "sqrt": lambda x, s, place: tf.sqrt(tf.abs(x)),
    "clip_1e-5": _clip(1e-5),
    "clip_1e-4": _clip(1e-4),
    "clip_1e-3": _clip(1e-3),
    "drop_0.1": _drop(0.1),
    "drop_0.3": _drop(0.3),
    "drop_0.5": _drop(0.5),
    "sign": lambda x, s, place: tf.sign(x),
    "sigmoid": lambda x, s, place: tf.sigmoid(x),
}

BINARY_VALUES = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y + DELTA),
    "pow": lambda x, y: tf.pow(x, y),  # the plain power: NaN for a negative x and a fractional y
    "left": lambda x, y: x,
}


def update(rule: Rule, inputs: Inputs) -> tf.Tensor:
    """The update direction of a `Rule` that is known while tracing."""
    outputs = []

    def value(op, place):
        return outputs[op] if isinstance(op, int) else OPERAND_VALUES[op](inputs, place)

    for k in range(rule.depth):
        if k not in rule.live:
            outputs.append(None)
            continue
        op1, op2, u1, u2, b = rule.iterations[k]
        place = TOKENS_PER_ITERATION * k
        x = UNARY_VALUES[u1](value(op1, place), inputs, place + 2)
        if b != "left":
            y = UNARY_VALUES[u2](value(op2, place + 1), inputs, place + 3)
            x = BINARY_VALUES[b](x, y)
        outputs.append(x)
    return outputs[-1]
