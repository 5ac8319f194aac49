"""Computes the update direction of a rule given as a tensor of tokens: one graph runs every rule."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES, PREVIOUS
from neural_optimizer_search.dsl.constants import Beta
from neural_optimizer_search.dsl.encoding import BETAS, EPSILON, EXTRAS, FIRST_NUMBER, EncodedRule, decode
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule_tokens import TOKENS_PER_ITERATION
from neural_optimizer_search.dsl.state import State, advance, next_average
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.operations import on_tensorflow as ops

Shapes = tuple[tuple[int, ...], ...]


def update_from_tokens(rule: EncodedRule, state: State) -> tf.Tensor:
    """The update direction of a plain rule (see `is_plain`) of any n, given as tensors.

    `state.averages` must contain m, v and gamma.
    """
    if tf.executing_eagerly():  # where TensorFlow hangs if a function chooses a function
        return _step_eagerly(rule, state, tf.zeros([0, 1]), None)[0]
    return _TracedWords(state.g.dtype, tuple(state.g.shape)).update(rule.tokens, *_inputs(rule, state))


def step_from_tokens(rule: EncodedRule, state: State, extras: Any, shapes: Shapes) -> tuple[tf.Tensor, tf.Tensor]:
    """The update direction of any rule, in a graph that takes longer to trace and to run.

    Args:
      rule: The `EncodedRule`, of any n and k.
      state: The `State`, whose averages are m, v and gamma, already updated.
      extras: `[k, size]`, the extra arrays after the previous step; zeros before the first.
      shapes: The shapes of the weight tensors that are concatenated in the gradient, a vector.

    Returns:
      The update direction, in the gradient's shape, and the extra arrays after this step.
    """
    if tf.executing_eagerly():
        return _step_eagerly(rule, state, extras, shapes)
    words = _TracedWords(state.g.dtype, tuple(state.g.shape), shapes)
    inputs, of_extras = _inputs(rule, state), (rule.reads, rule.extra_numbers)
    extras = words.advance(rule.kinds, *inputs, *of_extras, extras)
    return words.update(rule.tokens, *inputs, *of_extras, extras), extras


def read_beta(numbers: tf.Tensor, name: str, like: tf.Tensor) -> Beta:
    """A β from `EncodedRule.numbers`."""
    i = 2 * BETAS.index(name)
    return Beta(tf.cast(numbers[i], like.dtype), numbers[i + 1])


def _inputs(rule, state):
    averages = [state.averages[name] for name in ALWAYS]
    return [state.g, state.w, *averages, state.iterations, state.decay_steps, state.seed, rule.numbers]


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
    """A state whose arrays are vectors, each the concatenation of all weight tensors.

    Attributes:
      shapes: The shapes of the tensors.
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
      numbers, extra_numbers: See `EncodedRule`.
      read: The number of the extra array that the word reads.
      extras: All extra arrays.
    """

    numbers: Any = None
    read: Any = None
    extra_numbers: Any = None
    extras: Any = None

    @property
    def epsilon(self) -> Any:
        return tf.cast(self.numbers[EPSILON], self.g.dtype)

    def kept(self, name: str, c: Any = None) -> Any:
        if name in ALWAYS:
            return self.averages[name]
        return tf.ensure_shape(self.extras[-1 if name == PREVIOUS else self.read], self.g.shape)

    def beta(self, name: str) -> Beta:
        return read_beta(self.numbers, name, self.g)

    def own_beta(self, c: Any) -> Beta:
        _, complement, log = tf.unstack(self.extra_numbers[self.read], 3)
        return Beta(tf.cast(complement, self.g.dtype), log)


@functools.lru_cache(maxsize=None)
class _TracedWords:
    """The words as functions, one of which a token selects.

    With `tf.switch_case`, the graph of a step would contain all words at each place of an iteration, and TensorFlow
    would also visit those that are not chosen: this took as long as the step of a small child. Each choice adds to
    the time that TensorFlow needs to prepare the graph, so there are few of them.
    """

    def __init__(self, dtype, shape, shapes=None):
        self._dtype, self._shape, self._shapes = dtype, shape, shapes
        x, number, scalar = tf.TensorSpec(shape, dtype), tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int64)
        numbers, places = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int32)
        outputs = tf.TensorSpec([], tf.variant)
        inputs = [x] * (2 + len(ALWAYS)) + [scalar] * 3 + [numbers]
        if shapes is not None:
            inputs += [places, tf.TensorSpec([None, 3], tf.float32), tf.TensorSpec([None, *shape], dtype)]
        with tf.init_scope():
            operand = [number, number, outputs, *inputs]
            self._operands = [_traced(self._operand(word), operand) for word in OPERANDS.values()]
            self._operands.append(_traced(self._output, operand))
            self._unaries = [_traced(self._unary(word), [x, number, *inputs]) for word in UNARIES.values()]
            self._binaries = [_traced(self._binary(word), [x, x, number, *inputs]) for word in BINARIES.values()]
            iteration = [places, number, outputs, *inputs]
            self._iterations = [_traced(function, iteration) for function in (self._left, self._both)]
            self._all_iterations = _traced(self._loop, iteration)
            if shapes is not None:
                self._extras = [_traced(self._extra(AVERAGES[name]), [number, *inputs]) for name in EXTRAS]
                self._advance = [_traced(function, [places, *inputs]) for function in (self._keep, self._advance_all)]

    def update(self, tokens, *inputs):
        outputs = self._reserve(0)
        # A loop would take longer than the work of one iteration.
        one = tf.size(tokens) == TOKENS_PER_ITERATION
        chosen = tf.where(one, _count_sides(tokens, 0), 2)
        return _choose([*self._iterations, self._all_iterations], chosen, tokens, 0, outputs, *inputs)

    def advance(self, kinds, *inputs):
        return _choose(self._advance, tf.minimum(tf.size(kinds), 1), kinds, *inputs)

    # A list of tensors rather than a `tf.TensorArray`, which cannot be passed to a function.

    def _reserve(self, depth):
        return tf.raw_ops.TensorListReserve(
            element_shape=tf.constant(self._shape, tf.int32), num_elements=depth, element_dtype=self._dtype
        )

    def _read(self, outputs, k):
        return tf.raw_ops.TensorListGetItem(
            input_handle=outputs, index=k, element_shape=tf.constant(self._shape, tf.int32), element_dtype=self._dtype
        )

    # -- Traced ----------------------------------------------------------------------------------------

    def _state(self, place, g, w, m, v, gamma, iterations, decay_steps, seed, numbers, *of_extras):
        averages: dict[str, Any] = dict(zip(ALWAYS, (m, v, gamma)))
        state = _TracedState(ops, g, w, averages, iterations, decay_steps, seed, place, shapes=self._shapes)
        state = dataclasses.replace(state, numbers=numbers)
        if not of_extras:
            return state
        reads, extra_numbers, extras = of_extras
        return dataclasses.replace(state, read=reads[place], extra_numbers=extra_numbers, extras=extras)

    def _evaluate(self, word, place, inputs, *arguments):
        state = self._state(place, *inputs)
        if self._shapes is None and (word.per_tensor or not set(word.averages) <= set(ALWAYS)):
            return state.g  # a word that no rule of this graph has
        if is_family(word.name):
            arguments = (*arguments, tf.cast(state.numbers[FIRST_NUMBER + place], self._dtype))
        return word.value(ops, state, *arguments)

    def _operand(self, word):
        return lambda operand, place, outputs, *inputs: self._evaluate(word, place, inputs)

    def _unary(self, word):
        return lambda x, place, *inputs: self._evaluate(word, place, inputs, x)

    def _output(self, operand, place, outputs, *inputs):
        return tf.ensure_shape(self._read(outputs, operand - len(OPERANDS)), self._shape)

    def _binary(self, word):
        return lambda x, y, place, *inputs: self._evaluate(word, place, inputs, x, y)

    def _side(self, tokens, place, outputs, inputs):
        operand, unary = tokens[place], tokens[place + 2]
        kind = tf.minimum(operand, len(OPERANDS))
        x = _choose(self._operands, kind, operand, place, outputs, *inputs)
        return _choose(self._unaries, unary, x, place + 2, *inputs)

    def _left(self, tokens, place, outputs, *inputs):
        return self._side(tokens, place, outputs, inputs)

    def _both(self, tokens, place, outputs, *inputs):
        x, y = (self._side(tokens, place + i, outputs, inputs) for i in (0, 1))
        return _choose(self._binaries, tokens[place + 4], x, y, place, *inputs)

    def _loop(self, tokens, place, outputs, *inputs):
        depth = tf.size(tokens) // TOKENS_PER_ITERATION

        def run(k, outputs):
            place = TOKENS_PER_ITERATION * k
            x = _choose(self._iterations, _count_sides(tokens, place), tokens, place, outputs, *inputs)
            return k + 1, tf.raw_ops.TensorListSetItem(input_handle=outputs, index=k, item=x)

        _, outputs = tf.while_loop(lambda k, _: k < depth, run, (0, self._reserve(depth)), parallel_iterations=1)
        return tf.ensure_shape(self._read(outputs, depth - 1), self._shape)

    # -- Extra arrays ----------------------------------------------------------------------------------

    def _extra(self, row):
        def run(k, *inputs):
            state = dataclasses.replace(self._state(0, *inputs), read=k)
            kept = tf.ensure_shape(state.extras[k], self._shape)
            c = tf.cast(state.extra_numbers[k, 0], self._dtype)
            value = row.value(ops, state, *([c] if is_family(row.name) else []))
            if row.join is not None:
                return row.join(ops, kept, value)
            return next_average(kept, value, state.beta_of(row.name, c))

        return run

    def _keep(self, kinds, *inputs):
        return inputs[-1]

    def _advance_all(self, kinds, *inputs):
        def run(k, outputs):
            x = _choose(self._extras, kinds[k], k, *inputs)
            return k + 1, tf.raw_ops.TensorListSetItem(input_handle=outputs, index=k, item=x)

        count = tf.size(kinds)
        _, outputs = tf.while_loop(lambda k, _: k < count, run, (0, self._reserve(count)), parallel_iterations=1)
        return tf.raw_ops.TensorListStack(
            input_handle=outputs, element_shape=tf.constant(self._shape, tf.int32), element_dtype=self._dtype
        )


_LEFT = list(BINARIES).index("left")


def _count_sides(tokens, place):
    """0 for an iteration in which only the first side counts, else 1."""
    return tf.cast(tokens[place + TOKENS_PER_ITERATION - 1] != _LEFT, tf.int32)


def _traced(function, signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _choose(functions: Sequence[Any], index: Any, *arguments: Any) -> tf.Tensor:
    """Calls one of the functions. Unlike with `tf.switch_case`, TensorFlow does not visit the others."""
    for function in functions:
        function.add_to_graph(tf.compat.v1.get_default_graph())
    result = functions[0].outputs[0]
    (chosen,) = tf.raw_ops.StatelessCase(
        branch_index=index, input=arguments, Tout=[result.dtype], branches=functions, output_shapes=[result.shape]
    )
    return chosen
