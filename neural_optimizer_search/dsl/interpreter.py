"""What the words compute: operand values and a rule to an update direction.

Each word of `vocabulary.py` has one row here. A rule is run in two ways over the same rows: `update`
takes a `Rule` while tracing, so only its own words enter the graph; `update_from_tokens` takes the tokens as a
tensor, so one graph runs every rule.
"""

import functools
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
    BINARIES,
    DELTA,
    OPERANDS,
    UNARIES,
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


def update_from_tokens(tokens: tf.Tensor, inputs: Inputs) -> tf.Tensor:
    """The update direction of the rule whose tokens are an int32 tensor `[5n]` of any n.

    The ids are those of `vocabulary.FULL`; all three averages must be in `inputs`.
    """
    if tf.executing_eagerly():  # where TensorFlow hangs in a function that chooses a function
        return update(Rule.from_tokens(tokens.numpy().tolist()), inputs)
    words = _TracedWords(inputs.g.dtype, tuple(inputs.g.shape))
    averages = [inputs.averages[name] for name, _, _ in AVERAGES]
    return words.update(tokens, inputs.g, inputs.w, *averages, inputs.t, inputs.T, inputs.seed)


@functools.lru_cache(maxsize=None)
class _TracedWords:
    """The words as functions, of which a token chooses one.

    With `tf.switch_case`, all words would stand in the graph of a step at each place of an iteration, and TensorFlow
    walks through those that are not chosen, too: that took as long as the step of a small child.
    """

    def __init__(self, dtype, shape):
        self._dtype, self._shape = dtype, shape
        x, number, scalar = tf.TensorSpec(shape, dtype), tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int64)
        inputs = [x] * (2 + len(AVERAGES)) + [scalar] * 3
        operand = [number, number, tf.TensorSpec([], tf.variant), *inputs]
        iteration = [tf.TensorSpec([None], tf.int32), number, tf.TensorSpec([], tf.variant), *inputs]
        with tf.init_scope():
            self._operands = [_traced(_operand(OPERAND_VALUES[name]), operand) for name in OPERANDS]
            self._operands.append(_traced(self._output, operand))
            self._unaries = [_traced(_unary(UNARY_VALUES[name]), [x, number, *inputs]) for name in UNARIES]
            self._iterations = [_traced(self._iteration(name), iteration) for name in BINARIES]
            self._all_iterations = _traced(self._loop, iteration)

    def update(self, tokens, *inputs):
        outputs = self._reserve(0)
        one = tf.size(tokens) == TOKENS_PER_ITERATION  # a loop would take longer than what it does
        chosen = tf.where(one, tokens[TOKENS_PER_ITERATION - 1], len(BINARIES))
        return _choose([*self._iterations, self._all_iterations], chosen, tokens, 0, outputs, *inputs)

    # A list of tensors and not a `tf.TensorArray`, which no function takes.

    def _reserve(self, depth):
        return tf.raw_ops.TensorListReserve(
            element_shape=tf.constant(self._shape, tf.int32), num_elements=depth, element_dtype=self._dtype
        )

    def _read(self, outputs, k):
        return tf.raw_ops.TensorListGetItem(
            input_handle=outputs, index=k, element_shape=tf.constant(self._shape, tf.int32), element_dtype=self._dtype
        )

    # -- Traced ----------------------------------------------------------------------------------------

    def _output(self, operand, place, outputs, *inputs):
        return tf.ensure_shape(self._read(outputs, operand - len(OPERANDS)), self._shape)

    def _iteration(self, binary):
        def run(tokens, place, outputs, *inputs):
            op1, op2, u1, u2, _ = tf.unstack(tokens[place : place + TOKENS_PER_ITERATION], TOKENS_PER_ITERATION)

            def side(operand, unary, place):
                word = tf.minimum(operand, len(OPERANDS))
                x = _choose(self._operands, word, operand, place, outputs, *inputs)
                return _choose(self._unaries, unary, x, place + 2, *inputs)

            x = side(op1, u1, place)
            return x if binary == "left" else BINARY_VALUES[binary](x, side(op2, u2, place + 1))

        return run

    def _loop(self, tokens, place, outputs, *inputs):
        depth = tf.size(tokens) // TOKENS_PER_ITERATION

        def run(k, outputs):
            place = TOKENS_PER_ITERATION * k
            word = tokens[place + TOKENS_PER_ITERATION - 1]
            x = _choose(self._iterations, word, tokens, place, outputs, *inputs)
            return k + 1, tf.raw_ops.TensorListSetItem(input_handle=outputs, index=k, item=x)

        _, outputs = tf.while_loop(lambda k, _: k < depth, run, (0, self._reserve(depth)), parallel_iterations=1)
        return tf.ensure_shape(self._read(outputs, depth - 1), self._shape)


def _traced(function, signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _operand(word):
    return lambda operand, place, outputs, *inputs: word(_inputs(*inputs), place)


def _unary(word):
    return lambda x, place, *inputs: word(x, _inputs(*inputs), place)


def _inputs(g, w, m, v, gamma, t, T, seed):
    return Inputs(g, w, dict(m=m, v=v, gamma=gamma), t, T, seed)


def _choose(functions, index, *arguments):
    """The result of one of the functions. Unlike `tf.switch_case`, TensorFlow looks at none of the others."""
    for function in functions:
        function.add_to_graph(tf.compat.v1.get_default_graph())
    result = functions[0].outputs[0]
    (chosen,) = tf.raw_ops.StatelessCase(
        branch_index=index, input=arguments, Tout=[result.dtype], branches=functions, output_shapes=[result.shape]
    )
    return chosen
