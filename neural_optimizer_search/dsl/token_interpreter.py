"""A rule that is a tensor of tokens, to an update direction: one graph runs every rule."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.constants import Beta
from neural_optimizer_search.dsl.encoding import BETAS, EXTRAS, EncodedRule, decode
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import TOKENS_PER_ITERATION
from neural_optimizer_search.dsl.state import State, advance, next_average
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.operations import on_tensorflow as ops

Shapes = tuple[tuple[int, ...], ...]


def update_from_tokens(rule: EncodedRule, state: State, extras: Any, shapes: Optional[Shapes] = None) -> Any:
    """One step of a rule that is given as tensors.

    Args:
      rule: The `EncodedRule`, of any n and k.
      state: Its averages are m, v and gamma, already updated.
      extras: `[k, size]`, the extra arrays after the step before; zeros before the first.
      shapes: Those of the weight tensors that the gradient, a vector, consists of. None: no word of the rule needs them.

    Returns:
      The update direction, of the gradient's shape, and the extra arrays after this step.
    """
    if tf.executing_eagerly():  # where TensorFlow hangs in a function that chooses a function
        return _step_eagerly(rule, state, extras, shapes)
    words = _TracedWords(state.g.dtype, tuple(state.g.shape), shapes)
    inputs = [state.g, state.w, *(state.averages[name] for name in ALWAYS)]
    inputs += [state.iterations, state.decay_steps, state.seed, rule.constants, rule.numbers, rule.reads]
    return words.step(rule, extras, *inputs)


def read_beta(constants: tf.Tensor, name: str, like: tf.Tensor) -> Beta:
    """A constant of `EncodedRule.constants`."""
    i = 2 * BETAS.index(name)
    return Beta(tf.cast(constants[i], like.dtype), constants[i + 1])


def _step_eagerly(encoded, state, extras, shapes):
    rule = decode(EncodedRule(*(tensor.numpy() for tensor in encoded)))
    names = [name for name in rule.averages if name not in ALWAYS]
    before = {**state.averages, **dict(zip(names, tf.unstack(extras)))}
    state = _SplitState(**{**_fields(state), "constants": rule.constants, "shapes": shapes})
    state = advance(state, before, names)
    after = [state.g if name == PREVIOUS else state.averages[name] for name in names]
    return update(rule, state), tf.reshape(tf.stack(after) if after else extras, tf.shape(extras))


def _fields(state):
    return {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}


@dataclass(frozen=True)
class _SplitState(State):
    """A state whose arrays are vectors of all weight tensors.

    Attributes:
      shapes: Those of the tensors.
    """

    shapes: Optional[Shapes] = None

    def each_tensor(self, function: Callable[..., Any], *arrays: Any) -> Any:
        assert self.shapes is not None
        sizes = [functools.reduce(int.__mul__, shape, 1) for shape in self.shapes]
        parts = zip(self.shapes, *(tf.split(array, sizes) for array in arrays))
        results = (function(*(tf.reshape(x, shape) for x in tensors)) for shape, *tensors in parts)
        return tf.concat([tf.reshape(result, [-1]) for result in results], 0)


@dataclass(frozen=True)
class _TracedState(_SplitState):
    """A state that reads a rule's constants and extra arrays from tensors.

    Attributes:
      constants: As of `EncodedRule`.
      read: The number of the extra array that the word reads.
      extras, extra_numbers: All extra arrays, and as of `EncodedRule`.
    """

    read: Any = 0
    extras: Any = None
    extra_numbers: Any = None

    @property
    def epsilon(self) -> Any:
        return tf.cast(self.constants[-1], self.g.dtype)

    def kept(self, name: str, c: Any = None) -> Any:
        if name in ALWAYS:
            return self.averages[name]
        return tf.ensure_shape(self.extras[-1 if name == PREVIOUS else self.read], self.g.shape)

    def beta(self, name: str) -> Beta:
        return read_beta(self.constants, name, self.g)

    def beta_of(self, family: str, c: Any) -> Beta:
        _, complement, log = tf.unstack(self.extra_numbers[self.read], 3)
        return Beta(tf.cast(complement, self.g.dtype), log)


@functools.lru_cache(maxsize=None)
class _TracedWords:
    """The words as functions, of which a token chooses one.

    With `tf.switch_case`, all words would stand in the graph of a step at each place of an iteration, and TensorFlow
    walks through those that are not chosen, too: that took as long as the step of a small child.
    """

    def __init__(self, dtype, shape, shapes):
        self._dtype, self._shape, self._shapes = dtype, shape, shapes
        x, number, scalar = tf.TensorSpec(shape, dtype), tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int64)
        numbers, places = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int32)
        extras, triples = tf.TensorSpec([None, *shape], dtype), tf.TensorSpec([None, 3], tf.float32)
        inputs = [x] * (2 + len(ALWAYS)) + [scalar] * 3 + [numbers, numbers, places, extras, triples]
        operand = [number, number, tf.TensorSpec([], tf.variant), *inputs]
        iteration = [places, number, tf.TensorSpec([], tf.variant), *inputs]
        with tf.init_scope():
            self._operands = [_traced(self._operand(word), operand) for word in OPERANDS.values()]
            self._operands.append(_traced(self._output, operand))
            self._unaries = [_traced(self._unary(word), [x, number, *inputs]) for word in UNARIES.values()]
            self._iterations = [_traced(self._iteration(word), iteration) for word in BINARIES.values()]
            self._all_iterations = _traced(self._loop, iteration)
            self._extras = [_traced(self._extra(row), [number, *inputs]) for row in map(AVERAGES.get, EXTRAS)]
            self._advance = [_traced(function, [places, *inputs]) for function in (self._keep, self._advance_all)]

    def step(self, rule, extras, *inputs):
        chosen = tf.minimum(tf.size(rule.kinds), 1)
        before, numbers = extras, rule.extra_numbers
        extras = _choose(self._advance, chosen, rule.kinds, *inputs, before, numbers)
        # Words read the gradient before this step's.
        outputs = self._reserve(0)
        one = tf.size(rule.tokens) == TOKENS_PER_ITERATION  # a loop would take longer than what it does
        chosen = tf.where(one, rule.tokens[TOKENS_PER_ITERATION - 1], len(BINARIES))
        functions = [*self._iterations, self._all_iterations]
        return _choose(functions, chosen, rule.tokens, 0, outputs, *inputs, extras, numbers), extras

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

    def _state(self, place, g, w, m, v, gamma, iterations, decay_steps, seed, constants, numbers, reads, extras, triples):
        averages = dict(zip(ALWAYS, (m, v, gamma)))
        return _TracedState(
            ops, g, w, averages, iterations, decay_steps, seed, place, constants,
            self._shapes, reads[place], extras, triples,
        )  # fmt: skip

    def _evaluate(self, word, place, inputs, *arguments):
        state = self._state(place, *inputs)
        if word.per_tensor and self._shapes is None:  # of no rule that this graph runs
            return arguments[0]
        if is_family(word.name):
            arguments = (*arguments, tf.cast(inputs[_NUMBERS][place], self._dtype))
        return word.value(ops, state, *arguments)

    def _operand(self, word):
        return lambda operand, place, outputs, *inputs: self._evaluate(word, place, inputs)

    def _unary(self, word):
        return lambda x, place, *inputs: self._evaluate(word, place, inputs, x)

    def _output(self, operand, place, outputs, *inputs):
        return tf.ensure_shape(self._read(outputs, operand - len(OPERANDS)), self._shape)

    def _iteration(self, word):
        def run(tokens, place, outputs, *inputs):
            op1, op2, u1, u2, _ = tf.unstack(tokens[place : place + TOKENS_PER_ITERATION], TOKENS_PER_ITERATION)

            def side(operand, unary, place):
                kind = tf.minimum(operand, len(OPERANDS))
                x = _choose(self._operands, kind, operand, place, outputs, *inputs)
                return _choose(self._unaries, unary, x, place + 2, *inputs)

            x = side(op1, u1, place)
            if word.name == "left":
                return x
            return self._evaluate(word, place, inputs, x, side(op2, u2, place + 1))

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

    # -- Extra arrays ----------------------------------------------------------------------------------

    def _extra(self, row):
        def run(k, *inputs):
            state = dataclasses.replace(self._state(0, *inputs), read=k)
            kept = tf.ensure_shape(state.extras[k], self._shape)
            c, complement, log = tf.unstack(state.extra_numbers[k], 3)
            value = row.value(ops, state, *([tf.cast(c, self._dtype)] if is_family(row.name) else []))
            if row.join is not None:
                return row.join(ops, kept, value)
            return next_average(kept, value, Beta(tf.cast(complement, self._dtype), log))

        return run

    def _keep(self, kinds, *inputs):
        return inputs[_EXTRAS]

    def _advance_all(self, kinds, *inputs):
        def run(k, outputs):
            x = _choose(self._extras, kinds[k], k, *inputs)
            return k + 1, tf.raw_ops.TensorListSetItem(input_handle=outputs, index=k, item=x)

        count = tf.size(kinds)
        _, outputs = tf.while_loop(lambda k, _: k < count, run, (0, self._reserve(count)), parallel_iterations=1)
        return tf.raw_ops.TensorListStack(
            input_handle=outputs, element_shape=tf.constant(self._shape, tf.int32), element_dtype=self._dtype
        )


# Places in the inputs of the traced functions.
_NUMBERS, _EXTRAS = 9, 11


def _traced(function, signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _choose(functions: Sequence[Any], index: Any, *arguments: Any) -> tf.Tensor:
    """The result of one of the functions. Unlike `tf.switch_case`, TensorFlow looks at none of the others."""
    for function in functions:
        function.add_to_graph(tf.compat.v1.get_default_graph())
    result = functions[0].outputs[0]
    (chosen,) = tf.raw_ops.StatelessCase(
        branch_index=index, input=arguments, Tout=[result.dtype], branches=functions, output_shapes=[result.shape]
    )
    return chosen
