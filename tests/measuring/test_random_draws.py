"""Whatever draws in a traced function draws alike again once the generator's state is set back."""

import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.measuring.random_draws import repeatable_draws

DRAWS = {
    "normal": lambda: tf.random.normal([1000], 3.0, 2.0),
    "truncated_normal": lambda: tf.random.truncated_normal([1000]),
    "uniform": lambda: tf.random.uniform([1000], -1.0, 1.0),
    "integers": lambda: tf.random.uniform([1000], 2, 9, tf.int32),
    "shuffle": lambda: tf.random.shuffle(tf.range(1000)),
    "categorical": lambda: tf.random.categorical(tf.math.log([[0.2, 0.8]]), 1000)[0],
    "dropout": lambda: tf.nn.dropout(tf.ones([1000]), 0.5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_repeat_and_have_their_distribution(name):
    generator = tf.random.Generator.from_seed(0)
    first = tf.identity(generator.state)

    @tf.function
    def draw():
        return DRAWS[name](), DRAWS[name]()

    with repeatable_draws(generator):
        one, two = draw()
    again = draw()
    generator.state.assign(first)
    repeated = draw()
    plain = DRAWS[name]()
    assert one.dtype == plain.dtype and one.shape == plain.shape
    for drawn, expected in zip(repeated, (one, two)):
        np.testing.assert_array_equal(drawn, expected)
    assert not np.array_equal(one, two) and not np.array_equal(one, again[0])
    ours, theirs = (np.asarray(values, np.float64) for values in (one, plain))
    assert abs(ours.mean() - theirs.mean()) <= 6 * max(theirs.std(), 1e-9) / np.sqrt(500)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.25)


def test_it_ends():
    with repeatable_draws(tf.random.Generator.from_seed(0)):
        pass
    tf.random.set_seed(1)
    one = tf.random.normal([3])
    tf.random.set_seed(1)
    np.testing.assert_array_equal(one, tf.random.normal([3]))


def test_each_thread_draws_from_its_own_generator():
    """Whichever of two contexts ends first."""
    theirs = repeatable_draws(tf.random.Generator.from_seed(1))
    with concurrent.futures.ThreadPoolExecutor(1) as thread:

        def draw_there():
            return thread.submit(tf.random.normal, [3]).result()

        with repeatable_draws(tf.random.Generator.from_seed(0)):
            thread.submit(theirs.__enter__).result()
            drawn = [tf.random.normal([3]), draw_there()]
        drawn.append(draw_there())
        thread.submit(theirs.__exit__, None, None, None).result()
    with repeatable_draws(tf.random.Generator.from_seed(0)):
        expected = [tf.random.normal([3])]
    with repeatable_draws(tf.random.Generator.from_seed(1)):
        expected += [tf.random.normal([3]), tf.random.normal([3])]
    np.testing.assert_array_equal(drawn, expected)
    test_it_ends()
