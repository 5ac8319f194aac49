"""What each word and each rule computes, against the reference in NumPy."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest
import reference
import reference_modern as modern
import tensorflow as tf
from encoded import ENCODED

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl import interpreter, token_interpreter, vocabulary
from neural_optimizer_search.dsl.averages import ALWAYS
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.encoding import encode
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.state import State, advance
from neural_optimizer_search.dsl.vocabulary import BINARIES, UNARIES
from neural_optimizer_search.operations import on_tensorflow

pytestmark = pytest.mark.once

SIZE = 24
T = 100
# The step and the decays are float32 in the code, whatever the weights are.
CLOSE = dict(rtol=1e-5, atol=1e-7)
# A number of float32, as the constants of a traced rule are.
EPSILON = float(np.float32(1e-8))
CONSTANTS = Constants(epsilon=EPSILON)


def inputs(step, seed=0, dtype=tf.float64):
    return State(
        on_tensorflow,
        g=tf.constant(step.g, dtype),
        w=tf.constant(step.w, dtype),
        averages={name: tf.constant(x, dtype) for name, x in step.averages.items()},
        iterations=tf.constant(step.t, tf.int64),
        decay_steps=tf.constant(step.T, tf.int64),
        seed=tf.constant(seed, tf.int64),
        constants=CONSTANTS,
    )


def unary(word, x, state=None):
    return UNARIES[word].value(on_tensorflow, state, x)


def step_at(t, size=SIZE, seed=0):
    step = reference.random_step(np.random.default_rng([seed, t]), t=t, T=T, size=size)
    return dataclasses.replace(step, constants=reference.Constants(epsilon=EPSILON))


def ones_at(t, size):
    one = np.ones(size)
    return reference.Step(one, one, dict.fromkeys(reference.BETA, one), t, T)


_VECTOR, _SCALAR = tf.TensorSpec([SIZE], tf.float64), tf.TensorSpec([], tf.int64)


@tf.function(input_signature=[ENCODED] + [_VECTOR] * 5 + [_SCALAR] * 3)
def _traced(rule, g, w, m, v, gamma, t, T, seed):
    values = State(on_tensorflow, g, w, {"m": m, "v": v, "gamma": gamma}, t, T, seed)
    return token_interpreter.update_from_tokens(rule, values)


def by_rule(iterations, step, seed=0):
    return interpreter.update(Rule(iterations), inputs(step, seed)).numpy()


def by_tokens(iterations, step, seed=0):
    averages = [step.averages[name] for name in ALWAYS]
    return _traced(encode(Rule(iterations, CONSTANTS)), step.g, step.w, *averages, step.t, step.T, seed).numpy()


def with_gradient(averages, g):
    """What is kept after a step; from zeros at first."""
    zero = np.zeros_like(g)
    state = inputs(reference.Step(g, zero, {}, 0, T))
    return advance(state, averages or dict.fromkeys(ALWAYS, tf.constant(zero)), tuple(averages or ALWAYS)).averages


BOTH = pytest.mark.parametrize("run", [by_rule, by_tokens])
# Of a family, one member.
OPERANDS, ALL_UNARIES = (
    [name[:-1] + "0.5" if is_family(name) else name for name in table]
    for table in (vocabulary.OPERANDS, vocabulary.UNARIES)
)


def drawn(seed=0, size=SIZE):
    """The interpreter's own draws, for the reference to use."""

    @functools.cache
    def draw(word, place, t):
        state = inputs(ones_at(t, size), seed)
        if word == "eps":
            return state.at(place).operand("eps").numpy() / 0.1
        if word == "eps_t":
            noise = state.at(place).operand("eps_t").numpy()
            return noise / np.sqrt(reference.noise_variance(t))
        # 0 for what is dropped and 1 for what is kept serve as uniform draws.
        return unary(word, state.g, state.at(place)).numpy()

    return draw


# -- One word at a time ----------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("word", [word for word in reference.OPERANDS if "eps" not in word])
def test_operands(word, run):
    other = "g" if word == "1" else "1"
    for t in (0, 1, 37, 50, 99, 100, 250):
        step = step_at(t)
        value = run([(word, other, "identity", "identity", "left")], step)
        np.testing.assert_allclose(value, step(word), **CLOSE, err_msg=f"t = {t}")


@BOTH
@pytest.mark.parametrize("word", [word for word in reference.UNARIES if "drop" not in word])
def test_unaries(word, run):
    step = step_at(3)
    with np.errstate(divide="ignore"):
        expected = reference.UNARIES[word](step.g, step, None)
    np.testing.assert_allclose(run([("g", "1", word, "neg", "left")], step), expected, rtol=1e-9)
    np.testing.assert_allclose(run([("1", "g", "sign", word, "mul")], step), expected, rtol=1e-9)


@BOTH
@pytest.mark.parametrize("word", reference.BINARIES)
def test_binaries(word, run):
    step = step_at(3)
    with np.errstate(all="ignore"):
        expected = step.binary(word, step.g, np.abs(step.w / 10))
        swapped = step.binary(word, np.abs(step.w / 10), step.g)
    # |x| is written as (sqrt|x|)^2.
    root = ("1e-1*w", "2", "sqrt", "identity", "pow")
    value = run([root, ("g", 0, "identity", "identity", word)], step)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    value = run([root, (0, "g", "identity", "identity", word)], step)
    np.testing.assert_allclose(value, swapped, rtol=1e-9)


EDGES = np.array([0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 1e-30, -1e-8, 3, -np.inf, np.inf, np.nan])


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("word", [word for word in reference.UNARIES if "drop" not in word])
def test_unaries_at_the_edges(word, dtype):
    with np.errstate(all="ignore"):
        expected = reference.UNARIES[word](EDGES, None, None)
    value = unary(word, tf.constant(EDGES, dtype))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("word", reference.BINARIES)
def test_binaries_at_the_edges(word, dtype):
    x, y = (side.ravel().astype(dtype.as_numpy_dtype) for side in np.meshgrid(EDGES, EDGES))
    with np.errstate(all="ignore"):
        expected = reference.BINARIES[word](x, y)
    state = State(on_tensorflow, tf.constant(x), None, {}, 0, None, None)
    value = BINARIES[word].value(on_tensorflow, state, tf.constant(x), tf.constant(y))
    # TensorFlow takes subnormal numbers for 0.
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-37)


def test_the_first_averages_are_the_gradient_s_powers():
    # Here 1 - β^(t+1) is smallest, and loses four digits if it is computed as it stands in float32.
    g = np.array([0.3, -2.0, 0.0])
    averages = reference.next_averages(dict.fromkeys(reference.BETA, np.zeros(3)), g)
    state = inputs(reference.Step(g, g, averages, 0, T))
    for name, power in (("m", 1), ("v", 2), ("gamma", 3)):
        value = state.at(0).operand(name)
        np.testing.assert_allclose(value, g**power, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["m", "v", "gamma"])
def test_averages_are_exponential(name):
    gradients, averages = np.random.default_rng(0).normal(size=(30, 5)), None
    for g in gradients:
        averages = with_gradient(averages, g)
    average = averages[name]
    ages = np.arange(29, -1, -1)[:, None]
    b = {"m": 0.9, "v": 0.999, "gamma": 0.999}[name]
    expected = ((1 - b) * b**ages * gradients ** {"m": 1, "v": 2, "gamma": 3}[name]).sum(0)
    np.testing.assert_allclose(average, expected, rtol=1e-9)


# -- The tables' flags -----------------------------------------------------------------------------


def any_step(t, word):
    """A step for any word."""
    names = modern.names_kept([(word,)])
    return reference.random_modern_step(np.random.default_rng(t), SIZE, names, t, T)


@pytest.mark.parametrize("word", OPERANDS)
def test_operands_read_the_averages_that_their_row_says(word):
    names = (*modern.ALWAYS, *(name[:-1] + "0.5" for name in modern.KEPT if is_family(name)))
    for name in names:
        state = inputs(reference.random_modern_step(np.random.default_rng(0), SIZE, names))
        state.averages[name] += np.nan
        value = state.at(0).operand(word)
        assert np.isnan(value).any() == (name in vocabulary.OPERANDS[word].averages), name


@pytest.mark.parametrize("word", OPERANDS)
def test_operands_read_the_number_of_steps_where_their_row_says(word):
    state = inputs(any_step(33, word))
    one = state.at(0).operand(word)
    other = dataclasses.replace(state, decay_steps=state.decay_steps * 3).operand(word)
    assert (one.numpy() != other.numpy()).any() == vocabulary.OPERANDS[word].decays


@pytest.mark.parametrize("word", [*OPERANDS, *ALL_UNARIES])
def test_words_draw_where_their_row_says(word):
    step = any_step(5, word)
    if word in vocabulary.OPERANDS:
        iteration, row = (word, "m", "identity", "neg", "left"), vocabulary.OPERANDS[word]
    else:
        iteration, row = ("m", "1", word, "neg", "left"), vocabulary.UNARIES[word]
    one, other = (by_rule([iteration], step, seed) for seed in (0, 1))
    assert (one != other).any() == row.random


def test_update_needs_no_more_averages_than_the_rule_says():
    for iterations in reference.random_rules(seed=7, count=300):
        rule, state = Rule(iterations), inputs(step_at(5))
        averages = {name: state.averages[name] for name in rule.averages}
        interpreter.update(rule, dataclasses.replace(state, averages=averages))


# -- Random words ----------------------------------------------------------------------------------

MANY = 200_000


@pytest.mark.parametrize(
    "word, t, variance",
    [
        ("eps", 0, 0.01),
        ("eps", 999, 0.01),
        ("eps_t", 0, 1.0),
        ("eps_t", 9, 10**-0.55),
        ("eps_t", 9999, 10**-2.2),
    ],
)
def test_noise(word, t, variance):
    noise = inputs(ones_at(t, MANY)).at(0).operand(word).numpy()
    deviation = np.sqrt(variance)
    assert abs(noise.mean()) < 5 * deviation / np.sqrt(MANY)
    np.testing.assert_allclose(noise.var(), variance, rtol=0.02)
    # Of a normal distribution 68.3 % and 95.4 % lie within one and two deviations.
    np.testing.assert_allclose((abs(noise) < deviation).mean(), 0.683, atol=0.006)
    np.testing.assert_allclose((abs(noise) < 2 * deviation).mean(), 0.954, atol=0.003)


@pytest.mark.parametrize("word", ["drop_0.1", "drop_0.3", "drop_0.5"])
def test_drop(word):
    step = step_at(5, MANY)
    step.g[step.g == 0] = 1.0
    state = inputs(step)
    value = unary(word, state.g, state.at(2)).numpy()
    kept = value != 0
    # Nothing is rescaled, unlike in a dropout layer.
    np.testing.assert_array_equal(value[kept], step.g[kept])
    np.testing.assert_allclose(1 - kept.mean(), float(word[5:]), atol=0.006)


def test_drop_zeroes_what_is_not_a_number():
    step = ones_at(5, 1000)
    step.g *= np.nan
    value = interpreter.update(parse_formula("drop(g, 0.5)"), inputs(step)).numpy()
    assert 300 < (value == 0).sum() < 700


@pytest.mark.parametrize("word", reference.RANDOM)
def test_draws_depend_on_seed_step_and_place_only(word):
    def draw(seed, t, place, step=None):
        state = inputs(step or ones_at(t, 64), seed)
        if word in vocabulary.OPERANDS:
            value = state.at(place).operand(word).numpy()
            # eps_t also shrinks with t, which is not meant here.
            return value / np.sqrt(reference.noise_variance(t) if word == "eps_t" else 1)
        return unary(word, tf.ones_like(state.g), state.at(place)).numpy()

    where = list(itertools.product((0, 1, 2**40), (0, 1, 2, 255, 10**9), range(20)))
    draws = {draw(*place).tobytes() for place in where}
    assert len(draws) == len(where)
    np.testing.assert_array_equal(draw(3, 5, 7), draw(3, 5, 7))
    np.testing.assert_array_equal(draw(3, 5, 7), draw(3, 5, 7, step_at(5, 64)))


def test_neighbouring_draws_are_independent():
    size = 20_000
    draws = [
        inputs(ones_at(t, size), seed).at(place).operand("eps").numpy()
        for seed, t, place in itertools.product((0, 1), (0, 1, 2), range(5))
    ]
    correlations = np.corrcoef(draws) - np.eye(len(draws))
    assert abs(correlations).max() < 0.04


def test_places_within_a_rule_draw_separately():
    step = ones_at(5, SIZE)
    assert by_rule([("eps", "eps", "identity", "identity", "sub")], step).all()
    # Two drops of one half: a quarter is left, and not a half.
    step = ones_at(5, 10_000)
    rule = parse_formula("drop(g, 0.5) * drop(g, 0.5)")
    assert 0.2 < interpreter.update(rule, inputs(step)).numpy().mean() < 0.3
    # An iteration that is read twice draws once.
    rule = parse_formula("(g + eps#1) - (g + eps#1)")
    assert not interpreter.update(rule, inputs(step)).numpy().any()


NOISY = "(1 + drop(m, 0.3)) * eps / (exp(eps_t) + drop(eps, 0.5))"


def test_noise_is_the_same_eager_and_traced():
    rule, step = parse_formula(NOISY), step_at(5)
    state = inputs(step, seed=11)
    eager = interpreter.update(rule, state).numpy()
    traced = tf.function(lambda: interpreter.update(rule, state))
    np.testing.assert_allclose(traced(), eager, rtol=1e-9)
    np.testing.assert_allclose(by_tokens(rule.iterations, step, seed=11), eager, rtol=1e-9)


def test_noise_repeats_under_xla():
    # XLA has other generators than TensorFlow's kernels, so the numbers are not the eager ones.
    rule, state = parse_formula(NOISY), inputs(step_at(5))

    @tf.function(jit_compile=True)
    def compiled(t, seed):
        return interpreter.update(rule, dataclasses.replace(state, iterations=t, seed=seed))

    where = [tf.constant(x, tf.int64) for x in (5, 11, 12)]
    one = compiled(where[0], where[1]).numpy()
    np.testing.assert_array_equal(compiled(where[0], where[1]), one)
    assert (compiled(where[0], where[2]).numpy() != one).any()
    assert (compiled(where[1], where[1]).numpy() != one).any()


# -- Whole rules -----------------------------------------------------------------------------------


def test_random_rules_three_ways():
    rng = np.random.default_rng(0)
    draw, count = drawn(), 300
    compared = 0
    for i, iterations in enumerate(reference.random_rules(seed=8, count=count)):
        step = step_at((3, 40, 77, 130)[i // 4 % 4], seed=i)
        step.draw = draw
        expected = reference.direction(iterations, step)
        # Where a small change of the numbers changes the answer, rounding does so too.
        moved = reference.direction(iterations, reference.rescaled(step, rng))
        steady = np.isclose(moved, expected, rtol=1e-3, atol=0, equal_nan=True)
        compared += steady.mean() / count
        static, dynamic = by_rule(iterations, step), by_tokens(iterations, step)
        np.testing.assert_allclose(dynamic, static, rtol=1e-9, err_msg=str(iterations))
        np.testing.assert_allclose(static[steady], expected[steady], rtol=1e-4, err_msg=str(iterations))
    assert compared > 0.99


def test_one_trace_runs_every_rule():
    for iterations in reference.random_rules(seed=9, count=8):
        by_tokens(iterations, step_at(5))
    assert _traced.experimental_get_tracing_count() == 1


def test_a_step_walks_through_no_words_but_the_rule_s():
    # TensorFlow walks through the whole graph at each step, and a choice that it lowers is part of that graph.
    operations = _traced.get_concrete_function().graph.get_operations()
    assert len(operations) < 40
    (choice,) = [operation for operation in operations if operation.type == "StatelessCase"]
    assert "_lower_using_switch_merge" not in choice.node_def.attr


@pytest.mark.parametrize("formula", reference.PUBLISHED)
def test_published_rules(formula):
    rule = parse_formula(formula)
    words = list(itertools.chain(*rule.iterations))
    draw = drawn()
    for t in (0, 40, 99):
        step = step_at(t)
        # Each random word stands in one place only.
        step.draw = lambda word, place, t: draw(word, words.index(word), t)
        with np.errstate(all="ignore"):
            expected = reference.PUBLISHED[formula][2](step)
        for run in (by_rule, by_tokens):
            np.testing.assert_allclose(run(rule.iterations, step), expected, rtol=1e-4)


@pytest.mark.parametrize("formula", ["Adam", "m * (1 + eps) * sigmoid(1e-4*w)", "1e-2*w + ld*m"])
def test_steps_follow_one_another(formula):
    rule, seed, rate = parse_formula(formula), 5, 0.1
    gradients = np.random.default_rng(0).normal(size=(12, SIZE))
    w = np.linspace(-3, 3, SIZE)
    steps = reference.run_rule(rule, gradients, w, rate, T=10, draw=drawn(seed))
    averages = None
    for t, (g, expected) in enumerate(zip(gradients, steps)):
        averages = with_gradient(averages, g)
        step = reference.Step(g, w, averages, t, 10)
        direction = by_rule(rule.iterations, step, seed)
        np.testing.assert_allclose(direction, expected, **CLOSE)
        w = w - rate * direction


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16, tf.float32, tf.float64])
@pytest.mark.parametrize("shape", [(), (3, 2), (0,)])
def test_the_update_has_the_gradient_s_shape_and_type(shape, dtype):
    one = np.ones(shape)
    for word in (word for word in OPERANDS if word != "1"):
        step = reference.Step(one, one, dict.fromkeys(modern.names_kept([(word,)]), one), 5, T)
        rule = Rule([(word, "1", "drop_0.1", "exp", "add")])
        value = interpreter.update(rule, inputs(step, dtype=dtype))
        assert value.shape == shape and value.dtype == dtype, word


# -- The baselines as textbook loops ---------------------------------------------------------------

CURVATURE = np.array([1.0, 10.0, -0.5, 3.0])
START = np.array([1.0, -2.0, 0.5, 0.0])
RATE = 0.03


def sgd(w, t, g, state):
    return w - RATE * g


def momentum(w, t, g, state):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    return w - RATE * state["m"] / (1 - 0.9**t)


def rmsprop(w, t, g, state):
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    return w - RATE * g / (np.sqrt(state["v"] / (1 - 0.999**t)) + 1e-8)


def adam(w, t, g, state):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    m, v = state["m"] / (1 - 0.9**t), state["v"] / (1 - 0.999**t)
    return w - RATE * m / (np.sqrt(v) + 1e-8)


def power_sign(w, t, g, state):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    return w - RATE * np.e ** (np.sign(g) * np.sign(state["m"])) * g


def add_sign(w, t, g, state):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    return w - RATE * (1 + np.sign(g) * np.sign(state["m"])) * g


@pytest.mark.parametrize(
    "formula, textbook",
    [
        ("g", sgd),
        ("m", momentum),
        ("RMSProp", rmsprop),
        ("g / sqrt(v)", rmsprop),
        ("Adam", adam),
        ("m / sqrt(v)", adam),
        ("exp(sign(g) * sign(m)) * g", power_sign),
        ("(1 + sign(g) * sign(m)) * g", add_sign),
    ],
)
def test_baselines(formula, textbook):
    rng = np.random.default_rng(0)
    rule, state = parse_formula(formula), {}
    expected = w = START
    averages = None
    for t in range(20):
        # Noise makes signs of g and m differ now and then.
        noise = rng.normal(size=4)
        expected = textbook(expected, t + 1, CURVATURE * expected + noise, state)
        g = CURVATURE * w + noise
        averages = with_gradient(averages, g)
        w = w - RATE * interpreter.update(rule, inputs(reference.Step(g, w, averages, t, T)))
        np.testing.assert_allclose(w, expected, rtol=1e-5, atol=1e-6)
