"""The schedules against the originals, `tf.compat.v1.train`'s functions."""

import numpy as np
import pytest
import tensorflow as tf
from decay_cases import NOISES, PAST_T, SHAPES, T, stddev, values

from neural_optimizer_search.schedules import LinearCosineDecay, NoisyLinearCosineDecay


def original(schedule, name, step, **arguments):
    function = getattr(tf.compat.v1.train, name)
    return function(schedule.initial_learning_rate, step, schedule.decay_steps, **arguments)


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_cosine_is_the_original(shape):
    schedule = LinearCosineDecay(0.7, T, **shape)
    expected = [float(original(schedule, "linear_cosine_decay", t, **shape)()) for t in PAST_T]
    np.testing.assert_allclose(values(schedule, PAST_T), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("t", "noise"), NOISES)
def test_the_original_s_noise_has_the_standard_deviation_that_ours_is_tested_for(t, noise):
    count = 4000
    oracle = original(LinearCosineDecay(1.0, T), "noisy_linear_cosine_decay", t, **noise)
    draw = tf.function(lambda: tf.map_fn(lambda _: oracle(), tf.range(count), fn_output_signature=tf.float32))
    tf.random.set_seed(1)
    theirs = draw().numpy()
    quiet = float(LinearCosineDecay(1.0, T, noise.get("num_periods", 0.5))(t))
    assert abs(theirs.mean() - quiet) < 5 * stddev(t, **noise) / np.sqrt(count)
    np.testing.assert_allclose(theirs.std(), stddev(t, **noise), rtol=0.06)


def test_noise_is_the_same_in_a_graph():
    schedule = NoisyLinearCosineDecay(1.0, T, seed=-5)
    assert float(tf.function(schedule)(tf.constant(7, tf.int64))) == float(schedule(7))


@pytest.mark.parametrize("t", [7, tf.constant(7), tf.constant(7, tf.int64), tf.Variable(7, dtype=tf.int64)], ids=repr)
def test_a_step_of_any_kind(t):
    assert float(LinearCosineDecay(1.0, T)(t)) == float(LinearCosineDecay(1.0, T)(7))
