"""Every published rule against NumPy and inside Keras, and optimizers by name."""

import contextlib
import functools

import numpy as np
import pytest
import reference
from backends import KERAS_3, apply, array, float64, integer, keras, steps_of, tensor, variable
from contracts.rows import averages_of

from neural_optimizer_search import Rule, optimizers, parse_formula
from neural_optimizer_search.optimizers import CATALOGUE, AddSign, PowerSign, RuleOptimizer
from neural_optimizer_search.optimizers.found import FOUND
from neural_optimizer_search.optimizers.later_papers import LATER_PAPERS
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.schedules import make_schedule

T, STEPS, SIZE, RATE = 8, 12, 6, 0.125
START = np.linspace(-2.0, 2.0, SIZE)
BASELINES = {"g": "", "m": "m", "RMSProp": "v", "Adam": "m v"}  # with their averages
ROWS = pytest.mark.parametrize("row", CATALOGUE.values(), ids=CATALOGUE)
OF_THE_PAPERS = [row for row in CATALOGUE.values() if row.name not in {name for name, *_ in (*LATER_PAPERS, *FOUND)}]


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
    return {"decay_steps": T} if row.rule.decays or row.schedule else {}


def constants_of(row):
    return reference.Constants(**vars(row.rule.constants))


def directions(optimizer):
    """The update direction at each step, in float64."""
    with float64():
        w = variable(START, "float64")
        path = [START]
        for g in GRADIENTS:
            apply(optimizer, [tensor(g, "float64")], [w])
            path.append(array(w))
    return -np.diff(path, axis=0) / RATE


@functools.cache
def draws(word, place):
    """What an optimizer with seed 0 draws for its first weight tensor at each step: a rule whose only word it is."""
    iteration = ["1", "1", "identity", "identity", "mul"]
    iteration[place % 5] = word
    dead = ("g", "g", "identity", "identity", "left")
    return directions(RuleOptimizer(Rule((*[dead] * (place // 5), tuple(iteration))), RATE))


def drawn(word, place, t):
    """The same, for the reference to use: an operand before it is scaled; of what is dropped, 0, else 1."""
    return draws(word, place)[t] * (10 if word == "eps" else 1)


def words_of(rule):
    return [word for iteration in rule.iterations for word in iteration]


def canonical(formulas):
    return [parse_formula(formula).canonical() for formula in formulas]


# -- Rows ------------------------------------------------------------------------------------------


def test_every_published_formula_is_one_row():
    rows = canonical(row.formula for row in CATALOGUE.values())
    assert len(rows) == len(set(rows))
    rows = canonical(row.formula for row in OF_THE_PAPERS)
    assert set(rows) == set(canonical([*BASELINES, *reference.PUBLISHED]))


def test_sources_slots_and_recommended_decays():
    # v1 has the baselines and the last sixteen rows of v2's Table 6; v2's section 8.1 is about section 5.1.
    in_5_1, in_table_6 = canonical(reference.SECTION_5_1), canonical([*BASELINES, *reference.TABLE_6])
    in_v1 = in_table_6[:4] + in_table_6[-16:]
    averages = {**BASELINES, **{formula: row[1] for formula, row in reference.PUBLISHED.items()}}
    slots = dict(zip(canonical(averages), (len(names.split()) for names in averages.values())))
    for row in OF_THE_PAPERS:
        formula = row.rule.canonical()
        assert ("Table 6" in row.source) == (formula in in_table_6), row
        assert ("v1 Table 1" in row.source) == (formula in in_v1), row
        assert row.slots == slots[formula], row
        recommended = {PowerSign: "cd", AddSign: "ld"}[row.optimizer] if formula in in_5_1 else None
        assert row.recommended_decay == recommended, row


@ROWS
def test_a_row_equals_numpy_past_T_too_and_keeps_no_more_than_its_slots(row):
    steps = {"decay_steps": T} if row.rule.decays else {}  # without them, the rate is constant even with a schedule
    optimizer = optimizers.get(row.name, learning_rate=RATE, weight_decay=None, **steps)
    expected = reference.run_rule(row.rule, GRADIENTS, START, RATE, T, drawn, constants=constants_of(row))
    np.testing.assert_allclose(directions(optimizer), list(expected), rtol=1e-5, atol=1e-7)
    assert [tuple(average.shape) for average in averages_of(optimizer)] == [(SIZE,)] * row.slots


FIFTY_SHAPES = [(), (5,), (2, 3)]
WITHOUT_DRAWS = [row for row in OF_THE_PAPERS if not set(reference.RANDOM) & set(words_of(row.rule))]


@pytest.mark.parametrize("row", WITHOUT_DRAWS, ids=lambda row: row.name)
def test_fifty_steps_in_float32_are_within_1e_6_of_numpy(row):
    """And so those of the backends of each other."""
    rng = np.random.default_rng(2)
    sizes = [int(np.prod(shape)) for shape in FIFTY_SHAPES]
    weights, gradients = rng.uniform(-1, 1, sum(sizes)), rng.normal(size=(50, sum(sizes))).astype(np.float32) / 2

    def apart(flat):
        return [each.reshape(shape) for each, shape in zip(np.split(flat, np.cumsum(sizes)[:-1]), FIFTY_SHAPES)]

    optimizer = row.make(learning_rate=RATE / 16, **({"decay_steps": 40} if row.rule.decays else {}))
    variables = [variable(each) for each in apart(weights)]
    step = steps_of(optimizer, variables, many=True)
    expected = weights.astype(np.float32).astype(float)
    for g, direction in zip(gradients, reference.run_rule(row.rule, gradients, expected, RATE / 16, 40)):
        step([tensor(each) for each in apart(g)])
        expected = expected - RATE / 16 * direction
    np.testing.assert_allclose(np.concatenate([np.ravel(array(w)) for w in variables]), expected, rtol=0, atol=1e-6)


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
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])


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


def test_a_name_begins_with_the_usual_learning_rate():
    rates = {"lion": 1e-4, "AdamW": 1e-3, "lars": 0.01, "adam": 0.01, "powersign": 0.1}
    assert {name: float(optimizers.get(name).learning_rate) for name in rates} == pytest.approx(rates)
    assert float(optimizers.get("lion", learning_rate=0.5).learning_rate) == 0.5


@ROWS
def test_the_rate_of_a_row_is_that_with_which_its_optimizer_begins(row):
    assert float(row.make(**arguments_of(row)).learning_rate) == pytest.approx(row.default_rate)


@pytest.mark.parametrize("name", [name for name, *_ in FOUND])
def test_what_a_search_found_is_used_as_it_was_found(name):
    row, steps = CATALOGUE[name], 100
    config = optimizers.get(name, decay_steps=steps).get_config()
    rate = keras.optimizers.schedules.deserialize(config["learning_rate"])
    shares = parse_schedule(row.schedule).factors(steps)
    np.testing.assert_allclose(
        [float(rate(integer(t))) for t in range(steps)], row.learning_rate * shares, rtol=1e-5, atol=1e-8
    )
    assert config["weight_decay"] == row.weight_decay
    # Another rate has the same schedule; without a number of steps, it is constant; a schedule is used as it is.
    config = optimizers.get(name, decay_steps=steps, learning_rate=0.5, weight_decay=0.25).get_config()
    rate = keras.optimizers.schedules.deserialize(config["learning_rate"])
    np.testing.assert_allclose([float(rate(integer(t))) for t in range(steps)], 0.5 * shares, rtol=1e-5, atol=1e-8)
    assert config["weight_decay"] == 0.25
    assert optimizers.get(name, learning_rate=0.5).get_config()["learning_rate"] == 0.5
    given = make_schedule("cosine", 0.5, 7)
    config = optimizers.get(name, decay_steps=steps, learning_rate=given).get_config()
    assert config["learning_rate"]["config"] == given.get_config()
    with pytest.raises(ValueError, match=f"`decay_steps` must be .* for the schedule of '{name}'. Received: None"):
        optimizers.get(name)


def test_configs_in_short():
    for name in ("PowerSign", "neural_optimizer_search>PowerSign"):
        config = {"class_name": name, "config": {"learning_rate": 0.5, "base": 3.0}}
        assert optimizers.get(config).base == 3.0
    config = {"class_name": "RuleOptimizer", "config": {"rule": "m * exp(v)"}}
    assert str(optimizers.get(config).rule) == "m * exp(v)"


def test_keras_s_own_optimizers_pass_through():
    optimizer = keras.optimizers.Nadam(0.5)
    assert optimizers.get(optimizer) is optimizer
    before = dict(config := optimizers.serialize(optimizer))
    assert type(optimizers.get(config)) is type(optimizer) and config == before


@pytest.mark.skipif(KERAS_3, reason="Keras 3 has no legacy optimizers")
def test_keras_2_s_legacy_optimizers_pass_through():
    optimizer = keras.optimizers.legacy.SGD(0.5)
    assert optimizers.get(optimizer) is optimizer


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
