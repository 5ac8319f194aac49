"""Every published rule against NumPy and inside Keras, and optimizers by name."""

import contextlib

import numpy as np
import pytest
import reference
import tensorflow as tf

from neural_optimizer_search import optimizers, parse_formula
from neural_optimizer_search.dsl import interpreter
from neural_optimizer_search.optimizers import CATALOGUE, AddSign, PowerSign, RuleOptimizer

T, STEPS, SIZE, RATE = 8, 12, 6, 0.125
START = np.linspace(-2.0, 2.0, SIZE)
BASELINES = {"g": "", "m": "m", "RMSProp": "v", "Adam": "m v"}  # with their averages
ROWS = pytest.mark.parametrize("row", CATALOGUE.values(), ids=CATALOGUE)


def flipping_gradients():
    """STEPS x SIZE: random signs with zeros, of one sign with rare opposites, alternating, tiny."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(STEPS, SIZE))
    gradients[:, :2] *= rng.random((STEPS, 2)) < 0.7
    gradients[:, 3] = np.abs(gradients[:, 3]) * np.where(np.arange(STEPS) % 5 == 3, -1, 1)
    gradients[:, 4] = np.abs(gradients[:, 4]) * (-1) ** np.arange(STEPS)
    gradients[:, 5] /= 1000
    return gradients


GRADIENTS = flipping_gradients()


def arguments_of(row):
    return {"decay_steps": T} if row.rule.decays else {}


def directions(optimizer):
    """The update direction at each step, in float64."""
    w = tf.Variable(START, dtype=tf.float64)
    path = [START]
    for g in GRADIENTS:
        optimizer.apply_gradients([(tf.constant(g, tf.float64), w)])
        path.append(w.numpy())
    return -np.diff(path, axis=0) / RATE


def drawn(word, place, t):
    """What an optimizer with seed 0 draws for its first weight tensor, for the reference to use."""
    one, zero = tf.ones(SIZE, tf.float64), tf.constant(0, tf.int64)
    state = interpreter.Inputs(g=one, w=one, averages={}, t=zero + t, T=zero + T, seed=zero)
    if word == "eps":
        return interpreter.OPERAND_VALUES[word](state, place).numpy() / 0.1
    return interpreter.UNARY_VALUES[word](one, state, place).numpy()


def canonical(formulas):
    return [parse_formula(formula).canonical() for formula in formulas]


# -- Rows ------------------------------------------------------------------------------------------


def test_every_published_formula_is_one_row():
    rows = canonical(row.formula for row in CATALOGUE.values())
    assert len(rows) == len(set(rows)) and set(rows) == set(canonical([*BASELINES, *reference.PUBLISHED]))


def test_sources_slots_and_recommended_decays():
    # v1 has the baselines and the last sixteen rows of v2's Table 6; v2's section 8.1 is about section 5.1.
    in_5_1, in_table_6 = canonical(reference.SECTION_5_1), canonical([*BASELINES, *reference.TABLE_6])
    in_v1 = in_table_6[:4] + in_table_6[-16:]
    averages = {**BASELINES, **{formula: row[1] for formula, row in reference.PUBLISHED.items()}}
    slots = dict(zip(canonical(averages), (len(names.split()) for names in averages.values())))
    for row in CATALOGUE.values():
        formula = row.rule.canonical()
        assert ("Table 6" in row.source) == (formula in in_table_6), row
        assert ("v1 Table 1" in row.source) == (formula in in_v1), row
        assert row.slots == slots[formula], row
        recommended = {PowerSign: "cd", AddSign: "ld"}[row.optimizer] if formula in in_5_1 else None
        assert row.recommended_decay == recommended, row


@ROWS
def test_a_row_equals_numpy_past_T_too_and_keeps_no_more_than_its_slots(row):
    optimizer = optimizers.get(row.name, learning_rate=RATE, **arguments_of(row))
    expected = reference.run_rule(row.rule, GRADIENTS, START, RATE, T, drawn)
    np.testing.assert_allclose(directions(optimizer), list(expected), rtol=1e-5, atol=1e-7)
    # The scalars are the iterations and, in Keras 3, the learning rate.
    assert [tuple(v.shape) for v in optimizer.variables if len(v.shape)] == [(SIZE,)] * row.slots


@pytest.mark.parametrize("decay", ["", "-ld", "-cd", "-rd10", "-rd20", "2"])
@pytest.mark.parametrize("optimizer_class", [PowerSign, AddSign])
def test_rows_of_the_sign_optimizers_equal_the_rule_of_their_formula(optimizer_class, decay):
    row = CATALOGUE[optimizer_class.__name__.lower() + decay]
    optimizer = row.make(learning_rate=RATE, **arguments_of(row))
    assert type(optimizer) is optimizer_class
    of_formula = RuleOptimizer(row.formula, RATE, **arguments_of(row))
    np.testing.assert_allclose(directions(optimizer), directions(of_formula), rtol=1e-6)


@pytest.fixture(scope="module")
def model():
    return tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1, use_bias=False)])


@ROWS
def test_a_row_trains_a_model(row, model):
    # Small gradients, for some rules are exponential in them.
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    y = x[:, :1] / 4
    model.set_weights([np.zeros((3, 1))])
    optimizer = optimizers.get(row.name, learning_rate=0.01, **arguments_of(row))
    model.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
    for batch in range(0, 32, 8):
        model.train_on_batch(x[batch : batch + 8], y[batch : batch + 8])
    loss = np.mean((x @ model.get_weights()[0] - y) ** 2)
    # e^g - e^m moves only where a gradient differs from its average: in few steps, at random.
    assert loss < np.mean(y**2) * (1.02 if row.name == "exp-g-exp-m" else 1.0)


# -- Names, formulas, configs ----------------------------------------------------------------------


def test_no_name_is_the_formula_of_another_rule():
    for name, row in CATALOGUE.items():
        assert row.name == name == optimizers.catalogue.normalize_name(name)
        assert row.formula == row.rule.formula()
        with contextlib.suppress(ValueError):
            assert parse_formula(name) == row.rule


@pytest.mark.parametrize(
    ("identifier", "name"),
    [("PowerSign", "powersign"), ("addsign_ld", "addsign-ld"), ("ADDSIGN-Adam", "addsign-adam"), ("SGD", "sgd")],
)
def test_names_in_other_spellings(identifier, name):
    row = CATALOGUE[name]
    assert optimizers.get(identifier, **arguments_of(row)).get_config() == row.make(**arguments_of(row)).get_config()


def test_a_formula_with_arguments():
    optimizer = optimizers.get("ld * (e^g - e^m)", learning_rate=0.5, decay_steps=9, seed=3)
    assert str(optimizer.rule) == "ld * (exp(g) - exp(m))"
    assert (float(optimizer.learning_rate), optimizer.decay_steps, optimizer.seed) == (0.5, 9, 3)
    # A minus before a name makes it a formula.
    assert str(optimizers.get("-Adam").rule) == "-Adam"


@ROWS
def test_configs_round_trip(row):
    optimizer = row.make(learning_rate=0.5, clipnorm=2.0, **arguments_of(row))
    again = optimizers.get(config := optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and optimizers.serialize(again) == config


def test_configs_in_short():
    for name in ("PowerSign", "neural_optimizer_search>PowerSign"):
        config = {"class_name": name, "config": {"learning_rate": 0.5, "base": 3.0}}
        assert optimizers.get(config).base == 3.0
    config = {"class_name": "RuleOptimizer", "config": {"rule": "m * exp(v)"}}
    assert str(optimizers.get(config).rule) == "m * exp(v)"


def test_keras_s_own_optimizers_pass_through():
    optimizer = tf.keras.optimizers.Nadam(0.5)
    assert optimizers.get(optimizer) is optimizer
    before = dict(config := optimizers.serialize(optimizer))
    assert type(optimizers.get(config)) is tf.keras.optimizers.Nadam and config == before


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "arguments", "message"),
    [
        ("powersing", {}, r"Received: 'powersing'\. Names like it: .*powersign\b.*\nRead as a formula, it has an"),
        ("exp(g) - exp(x)", {}, r"`nos-optimizers`.* Received: 'exp.*'\.\nRead as a formula, .* 'x' at position 13"),
        ("", {}, "Received: ''"),
        (None, {}, "Argument `identifier` must be .* Received: None"),
        (PowerSign, {}, "Argument `identifier` must be .* Received: <class"),
        (PowerSign(), {"learning_rate": 0.1}, r"Argument `arguments` must be empty .* Received: \{'learning_rate'"),
        ({"class_name": "PowerSign"}, {}, "Argument `config` must be .* Received: "),
        ({"class_name": "Foo", "config": {}}, {}, "optimizer.*Foo"),
        ("addsign-ld", {}, "Argument `decay_steps` must be .* for `decay` = 'ld'"),
        ("ld * g", {}, r"Argument `decay_steps` must be .* for the rule `ld \* g`"),
    ],
)
def test_errors(identifier, arguments, message):
    with pytest.raises(ValueError, match=message):
        optimizers.get(identifier, **arguments)


@pytest.mark.parametrize(("name", "argument"), [("powersign2", "base"), ("addsign-cd", "decay"), ("adam", "rule")])
def test_what_a_name_says_cannot_be_said_otherwise(name, argument):
    with pytest.raises(TypeError, match=f"multiple values for .*'{argument}'"):
        optimizers.get(name, **{argument: 3.0})
