"""The catalogue's rows from later papers in the graph that trains children, against the papers' loops."""

import numpy as np
import pytest
import tensorflow as tf
import textbook
from encoded import ENCODED

from neural_optimizer_search.dsl.averages import ALWAYS
from neural_optimizer_search.dsl.encoding import encode
from neural_optimizer_search.dsl.state import State, next_average
from neural_optimizer_search.dsl.token_interpreter import read_beta, step_from_tokens
from neural_optimizer_search.operations import on_tensorflow
from neural_optimizer_search.optimizers.catalogue import CATALOGUE

SIZE = sum(w.size for w in textbook.WEIGHTS)
_VECTOR, _NUMBER = tf.TensorSpec([SIZE], tf.float32), tf.TensorSpec([], tf.float32)


def flat(arrays):
    return np.concatenate([np.ravel(x) for x in arrays]).astype(np.float32)


_KEPT = [_VECTOR] * len(ALWAYS), tf.TensorSpec([None, SIZE], tf.float32)


@tf.function(input_signature=[ENCODED, _NUMBER, tf.TensorSpec([], tf.int64), _VECTOR, _VECTOR, *_KEPT])
def step(rule, learning_rate, t, g, w, averages, extras):
    """The weights and all that is kept after a step."""
    betas = [read_beta(rule.numbers, name, g) for name in ("beta_1", "beta_2", "beta_3")]
    averages = [next_average(x, g**power, beta) for x, power, beta in zip(averages, (1, 2, 3), betas)]
    none = tf.zeros([], tf.int64)
    state = State(on_tensorflow, g, w, dict(zip(ALWAYS, averages)), t, none, none)
    direction, extras = step_from_tokens(rule, state, extras, textbook.SHAPES)
    return w - learning_rate * direction, averages, extras


@pytest.mark.parametrize("name", textbook.STEPS)
def test_a_row_is_the_paper_s_loop_for_fifty_steps(name):
    rule = encode(CATALOGUE[name].rule)
    w, averages = flat(textbook.WEIGHTS), [np.zeros(SIZE, np.float32)] * len(ALWAYS)
    extras = np.zeros((len(rule.kinds), SIZE), np.float32)
    for t, gradients in enumerate(textbook.GRADIENTS):
        w, averages, extras = step(
            rule, np.float32(textbook.rate_of(name)), np.int64(t), flat(gradients), w, averages, extras
        )
    np.testing.assert_allclose(w, flat(textbook.run(name)), rtol=1e-5, atol=1e-5)
