"""The words of later papers, their constants and what they keep, against NumPy: each alone, and in random rules."""

import functools

import numpy as np
import pytest
import reference
import reference_modern as modern
import tensorflow as tf
from encoded import ENCODED

from neural_optimizer_search import Rule, search_space
from neural_optimizer_search.dsl import interpreter, token_interpreter, vocabulary
from neural_optimizer_search.dsl.averages import ALWAYS
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.encoding import encode
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.state import State, advance
from neural_optimizer_search.operations import on_numpy, on_tensorflow

pytestmark = pytest.mark.once

SHAPES = ((), (4,), (2, 3), (2, 2, 2))
SIZES = [int(np.prod(shape)) for shape in SHAPES]
OTHER = dict(beta_1=0.7, beta_2=0.95, beta_3=0.98, epsilon=1e-3)
# Members of each family: at both ends, usual ones, and more digits than float32 has.
MEMBERS = {
    "c": ("0", "3e-4", "0.5", "7", "1000"),
    "m_c": ("0", "0.5", "0.95", "0.123456789"),
    "ema_c": ("0", "0.9", "0.9999"),
    "v_c": ("0", "0.5", "0.9999"),
    "lion_c": ("0.5", "0.99"),
    "change_c": ("0", "0.92"),
    "n_c": ("0", "0.92"),
    "clip_c": ("0.02", "3"),
}


def members(table):
    """Words without a number, and the members above."""
    return [
        word
        for name in table
        for word in ([name[:-1] + c for c in MEMBERS.get(name, ())] if is_family(name) else [name])
    ]


OPERANDS, UNARIES, BINARIES = map(members, (modern.OPERANDS, modern.UNARIES, modern.BINARIES))


def steps_of(iterations, rng, t, constants):
    """A `reference.Step` for each weight tensor."""
    names = modern.names_kept(iterations)
    return [
        reference.random_modern_step(rng, shape, names, t, constants=reference.Constants(**constants))
        for shape in SHAPES
    ]


def flat(arrays):
    return np.concatenate([np.ravel(x) for x in arrays])


def by_reference(iterations, steps):
    return flat(reference.direction(iterations, step) for step in steps)


def by_rule(ops, iterations, steps, constants):
    """Tensor by tensor, as an optimizer has them."""
    rule = Rule(iterations, Constants(**constants))

    def update(step):
        array = np.asarray if ops is on_numpy else functools.partial(tf.constant, dtype=tf.float64)
        g, w = array(step.g), array(step.w)
        kept = {name: array(step.before[name]) for name in rule.averages}
        state = State(ops, g, w, {}, array_of_int(ops, step.t), None, None, constants=rule.constants)
        with np.errstate(all="ignore"):
            return np.asarray(interpreter.update(rule, advance(state, kept, rule.averages)))

    return flat(map(update, steps))


def array_of_int(ops, t):
    return t if ops is on_numpy else tf.constant(t, tf.int64)


_VECTOR, _SCALAR = tf.TensorSpec([sum(SIZES)], tf.float64), tf.TensorSpec([], tf.int64)


@tf.function(input_signature=[ENCODED, tf.TensorSpec([None, sum(SIZES)], tf.float64), *[_VECTOR] * 5, _SCALAR])
def _traced(rule, extras, g, w, m, v, gamma, t):
    none = tf.zeros([], tf.int64)
    state = State(on_tensorflow, g, w, {"m": m, "v": v, "gamma": gamma}, t, none, none)
    return token_interpreter.step_from_tokens(rule, state, extras, SHAPES)


def by_tokens(iterations, steps, constants):
    """All tensors as one vector, as a child has them: the direction, and what is kept."""
    rule = Rule(iterations, Constants(**constants))
    names = [name for name in rule.averages if name not in ALWAYS]
    extras = np.reshape([flat(step.before[name] for step in steps) for name in names], (-1, sum(SIZES)))
    averages = [flat(step.averages[name] for step in steps) for name in ALWAYS]
    g, w = flat(step.g for step in steps), flat(step.w for step in steps)
    direction, after = _traced(encode(rule), extras, g, w, *averages, np.int64(steps[0].t))
    return direction.numpy(), dict(zip(names, after.numpy()))


def assert_close(iterations, steps, constants, where=slice(None), **close):
    """The three interpreters and the reference; the constants of a traced rule are float32."""
    expected = by_reference(iterations, steps)[where]
    for ops in (on_numpy, on_tensorflow):
        value = by_rule(ops, iterations, steps, constants)[where]
        np.testing.assert_allclose(value, expected, **close, err_msg=f"{ops.__name__}: {iterations}")
    traced, kept = by_tokens(iterations, steps, constants)
    np.testing.assert_allclose(traced[where], expected, **close, err_msg=f"traced: {iterations}")
    for name, x in kept.items():
        after = flat(step.averages[name] for step in steps)
        np.testing.assert_allclose(x, after, rtol=1e-5, atol=1e-7, err_msg=f"{name} after {iterations}")


# -- One word at a time ----------------------------------------------------------------------------

CLOSE = dict(rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("word", OPERANDS)
def test_operands(word):
    for t, constants in ((0, {}), (1, OTHER), (40, {}), (40, OTHER)):
        iterations = ((word, "g", "identity", "identity", "left"),)
        steps = steps_of(iterations, np.random.default_rng(t), t, constants)
        if t == 0:  # as every optimizer begins
            steps = [_from_zero(step) for step in steps]
        assert_close(iterations, steps, constants, **CLOSE)


def _from_zero(step):
    zero = {name: np.zeros_like(x) for name, x in step.before.items()}
    averages = modern.next_averages(zero, step.g, 0, step.constants)
    return reference.replace(step, before=zero, averages=averages)


@pytest.mark.parametrize("word", ["m", "v", "gamma", "Adam", "RMSProp"])
def test_constants_of_old_words(word):
    iterations = ((word, "g", "identity", "identity", "left"),)
    assert_close(iterations, steps_of(iterations, np.random.default_rng(0), 3, OTHER), OTHER, **CLOSE)


@pytest.mark.parametrize("word", UNARIES)
def test_unaries(word):
    iterations = (("m", "g", word, "identity", "left"),)
    for constants in ({}, OTHER):
        assert_close(iterations, steps_of(iterations, np.random.default_rng(1), 5, constants), constants, **CLOSE)


@pytest.mark.parametrize("word", [*BINARIES, "div"])
def test_binaries(word):
    iterations = (("m", "w", "identity", "identity", word),)
    for constants in ({}, OTHER):
        assert_close(iterations, steps_of(iterations, np.random.default_rng(2), 5, constants), constants, **CLOSE)


@pytest.mark.parametrize("word", ["cautious", "normalize", "trust", "orthogonalize"])
@pytest.mark.parametrize("zeros", ["g", "w"])
def test_tensors_of_zeros(word, zeros):
    iterations = (("g", "g", word, "identity", "left"),)
    steps = steps_of(iterations, np.random.default_rng(3), 5, {})
    steps = [reference.replace(step, **{zeros: np.zeros_like(step.g)}) for step in steps]
    assert np.isfinite(by_reference(iterations, steps)).all()
    assert_close(iterations, steps, {}, **CLOSE)


def test_cautious_enlarges_a_thousandfold_at_most():
    x = -np.ones(4000)
    x[7] = 1.0
    state = State(on_numpy, np.ones(4000), x, {}, 0, None, None)
    value = vocabulary.UNARIES["cautious"].value(on_numpy, state, x)
    np.testing.assert_allclose(value, np.where(x > 0, 1000.0, 0.0))


def test_min_and_max_keep_what_is_not_a_number():
    x = np.array([np.nan, 1.0, -np.inf, 2.0])
    y = np.array([0.0, np.nan, 1.0, -2.0])
    for ops, array in ((on_numpy, np.asarray), (on_tensorflow, tf.constant)):
        for word, function in modern.BINARIES.items():
            if word != "on_matrices":
                value = vocabulary.BINARIES[word].value(ops, None, array(x), array(y))
                np.testing.assert_array_equal(value, function(x, y))


@pytest.mark.parametrize("c", ["0.05", "0.2", "0.9"])
def test_drop_takes_any_probability(c):
    rule = Rule([("1", "g", f"drop_{c}", "identity", "left")])
    one, zero = tf.ones([20_000]), tf.zeros([], tf.int64)
    kept = interpreter.update(rule, State(on_tensorflow, one, one, {}, zero, zero, zero)).numpy()
    assert set(kept) == {0, 1}
    np.testing.assert_allclose(1 - kept.mean(), float(c), atol=0.015)


def test_every_modern_word_is_in_the_reference():
    for table, ours, papers in (
        (vocabulary.OPERANDS, modern.OPERANDS, reference.OPERANDS),
        (vocabulary.UNARIES, modern.UNARIES, reference.UNARIES),
        (vocabulary.BINARIES, modern.BINARIES, reference.BINARIES),
    ):
        assert set(table) == {*ours, *papers}
    words = {**vocabulary.UNARIES, **vocabulary.BINARIES}
    assert {name for name, word in words.items() if word.per_tensor} == set(modern.PER_TENSOR)


# -- Random rules ----------------------------------------------------------------------------------


def test_random_rules_four_ways():
    rng = np.random.default_rng(19)
    compared, count = 0, 100
    for i in range(count):
        iterations = reference.random_rule(rng, 1 + i % 3, tables=reference.LATER)
        constants = OTHER if i % 2 else {}
        steps = steps_of(iterations, rng, (3, 40)[i // 3 % 2], constants)
        expected = by_reference(iterations, steps)
        # Where a small change of the numbers changes the answer, rounding does so too.
        moved = by_reference(iterations, [reference.rescaled(step, rng) for step in steps])
        steady = np.isclose(moved, expected, rtol=3e-3, atol=0, equal_nan=True)
        compared += steady.mean() / count
        assert_close(iterations, steps, constants, where=steady, rtol=1e-3)
    assert compared > 0.95


@pytest.mark.parametrize("depth", [1, 2])
def test_rules_of_the_space(depth):
    rng, space, compared = np.random.default_rng(depth), search_space("modern", depth), 0
    for i, tokens in enumerate(space.sample(rng, 60)):
        rule = space.decode(tokens)
        words = {word for iteration in rule.iterations for word in iteration}
        if any(str(word).startswith(("drop", "eps")) for word in words):
            continue
        steps = steps_of(rule, rng, 3 + 40 * (i % 2), {})
        expected = by_reference(rule, steps)
        moved = by_reference(rule, [reference.rescaled(step, rng) for step in steps])
        steady = np.isclose(moved, expected, rtol=3e-3, atol=0, equal_nan=True)
        compared += steady.mean() > 0.9
        assert_close(rule.iterations, steps, {}, where=steady, rtol=1e-3)
    assert compared > 20


def test_one_trace_runs_every_rule():
    assert _traced.experimental_get_tracing_count() <= 1
