"""A rule that is a tensor of tokens, to an update direction: one graph runs every rule."""

import functools

import tensorflow as tf

from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import TOKENS_PER_ITERATION, Rule
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.dsl.vocabulary import AVERAGES, BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.operations import on_tensorflow as ops


def update_from_tokens(tokens: tf.Tensor, state: State) -> tf.Tensor:
    """The update direction of the rule whose tokens are an int32 tensor `[5n]` of any n.

    The ids are those of `vocabulary.FULL`; all three averages must be in `state`.
    """
    if tf.executing_eagerly():  # where TensorFlow hangs in a function that chooses a function
        return update(Rule.from_tokens(tokens.numpy().tolist()), state)
    words = _TracedWords(state.g.dtype, tuple(state.g.shape))
    averages = [state.averages[name] for name, _, _ in AVERAGES]
    return words.update(tokens, state.g, state.w, *averages, state.iterations, state.decay_steps, state.seed)


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
            self._operands = [_traced(_operand(word.value), operand) for word in OPERANDS.values()]
            self._operands.append(_traced(self._output, operand))
            self._unaries = [_traced(_unary(word.value), [x, number, *inputs]) for word in UNARIES.values()]
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
            if binary == "left":
                return x
            return BINARIES[binary].value(ops, None, x, side(op2, u2, place + 1))

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


def _operand(value):
    return lambda operand, place, outputs, *inputs: value(ops, _state(place, *inputs))


def _unary(value):
    return lambda x, place, *inputs: value(ops, _state(place, *inputs), x)


def _state(place, g, w, m, v, gamma, iterations, decay_steps, seed):
    return State(ops, g, w, dict(m=m, v=v, gamma=gamma), iterations, decay_steps, seed, place)


def _choose(functions, index, *arguments):
    """The result of one of the functions. Unlike `tf.switch_case`, TensorFlow looks at none of the others."""
    for function in functions:
        function.add_to_graph(tf.compat.v1.get_default_graph())
    result = functions[0].outputs[0]
    (chosen,) = tf.raw_ops.StatelessCase(
        branch_index=index, input=arguments, Tout=[result.dtype], branches=functions, output_shapes=[result.shape]
    )
    return chosen
