"""Every row of `rows.py` as a config, from a checkpoint, and with arguments that are none."""

import json
from functools import partial

import numpy as np
import pytest
from backends import KERAS_3, keras
from contracts.rows import ROWS, path

from neural_optimizer_search.optimizers import AddSign, PowerSign, RuleOptimizer
from neural_optimizer_search.schedules import LinearCosineDecay

# -- Configs and resuming --------------------------------------------------------------------------


@ROWS
def test_config_round_trip(row):
    common = {"learning_rate": 0.25, "weight_decay": 0.125, "clipnorm": 2.0, "name": "x"}
    optimizer = row.make(**common)
    serialized = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.get(json.loads(json.dumps(serialized, default=float)))
    assert type(again) is row.optimizer and again.get_config() == optimizer.get_config()
    config = again.get_config()
    assert {key: config[key] for key in common} == common
    own = {key: value for key, value in row.arguments.items() if key != "rule"}
    assert {key: config[key] for key in own} == own
    assert "rule" not in row.arguments or str(again.rule) == row.name
    np.testing.assert_array_equal(path(again), path(optimizer))


@ROWS
def test_defaults_round_trip(row):
    config = row.make().get_config()
    assert config["name"] == row.optimizer.__name__ and config["weight_decay"] is None
    assert not config.get("jit_compile")
    assert row.optimizer.from_config(config).get_config() == config


# What each Keras writes besides the arguments that both know.
ONLY_KERAS_2 = {"jit_compile": False, "is_legacy_optimizer": False}
ONLY_KERAS_3 = {"loss_scale_factor": None, "gradient_accumulation_steps": None}
FOREIGN = ONLY_KERAS_2 if KERAS_3 else ONLY_KERAS_3


@ROWS
def test_a_config_of_the_other_keras(row):
    schedule = {
        "module": "neural_optimizer_search.schedules",
        "class_name": "LinearCosineDecay",
        "config": {"initial_learning_rate": 0.5, "decay_steps": 9},
        "registered_name": "neural_optimizer_search>LinearCosineDecay",
    }
    ours = row.make().get_config()
    native = ONLY_KERAS_3 if KERAS_3 else ONLY_KERAS_2
    assert set(native) <= set(ours) and not set(FOREIGN) & set(ours)
    config = {key: value for key, value in ours.items() if key not in native}
    config.update(FOREIGN, learning_rate=schedule)
    name = row.optimizer.__name__
    again = keras.optimizers.get(
        {
            "module": row.optimizer.__module__,
            "class_name": name,
            "config": config,
            "registered_name": f"neural_optimizer_search>{name}",
        }
    )
    np.testing.assert_array_equal(path(again), path(row.make(LinearCosineDecay(0.5, 9))))


@pytest.mark.skipif(KERAS_3, reason="Keras 3 has them")
@pytest.mark.parametrize("argument", ONLY_KERAS_3)
def test_what_keras_2_cannot_do_is_refused(argument):
    with pytest.raises(TypeError, match=argument):
        PowerSign.from_config({**PowerSign().get_config(), argument: 2})


# -- Errors ----------------------------------------------------------------------------------------

FINITE, POSITIVE, BETA = "a finite number", "a finite number > 0", "a number >= 0 and < 1"
DECAY = '"ld", "cd", "cd_n" or "rd_n" with a number n > 0, such as "cd_1" or "rd_20"'
STEPS = "the number of training steps, an int > 0, for "
NAN = float("nan")

# (class, argument, its allowed range, the value received, other arguments)
ERRORS = [
    *((PowerSign, "base", POSITIVE, base, {}) for base in (0.0, -2.0, float("inf"), "e")),
    *((optimizer, "beta", BETA, beta, {}) for optimizer in (PowerSign, AddSign) for beta in (1.0, -0.1, NAN)),
    *((AddSign, "alpha", FINITE, alpha, {}) for alpha in (NAN, None)),
    (PowerSign, "decay", DECAY, "xd", {"decay_steps": 9}),
    (AddSign, "decay", DECAY, 3, {"decay_steps": 9}),
    *((PowerSign, "decay_steps", STEPS + "`decay` = 'cd'", T, {"decay": "cd"}) for T in (None, 0, 10.5)),
    (AddSign, "decay_steps", STEPS + "`decay` = 'ld'", None, {"decay": "ld"}),
    *((optimizer, "decay_steps", "None without `decay`", 9, {}) for optimizer in (PowerSign, AddSign)),
    *((RuleOptimizer, "rule", "a Rule or a formula as text", rule, {}) for rule in (None, 7)),
    (RuleOptimizer, "decay_steps", STEPS + "the rule `ld * g`", None, {"rule": "ld * g"}),
    (RuleOptimizer, "decay_steps", STEPS + "the rule `g + rd_20 * m`", 0, {"rule": "g + rd_20 * m"}),
    (RuleOptimizer, "decay_steps", STEPS + "the rule `g`", 2.5, {"rule": "g"}),
    *(
        (RuleOptimizer, beta, "a number from 0 to below 1", value, {"rule": "Adam"})
        for beta in ("beta_1", "beta_2", "beta_3")
        for value in (1.0, -0.1)
    ),
    (RuleOptimizer, "beta_1", FINITE, "0.9", {"rule": "Adam"}),
    (RuleOptimizer, "epsilon", "a finite number above 0", 0.0, {"rule": "Adam"}),
    *((RuleOptimizer, "seed", "an int of 32 bits", seed, {"rule": "g"}) for seed in (0.5, 2**31)),
]


@pytest.mark.parametrize(("optimizer", "argument", "allowed", "value", "others"), ERRORS)
def test_errors_name_the_argument_what_is_allowed_and_what_was_received(optimizer, argument, allowed, value, others):
    with pytest.raises(ValueError) as error:
        optimizer(**{argument: value}, **others)
    assert str(error.value) == f"Argument `{argument}` must be {allowed}. Received: {value!r}."


NUMPY_RATES = [np.float32(0.5), np.float64(0.5), np.array(0.5), np.array(0.5, np.float16), np.int64(1), np.array(1)]


@pytest.mark.parametrize("rate", NUMPY_RATES, ids=repr)
@pytest.mark.parametrize("optimizer", [PowerSign, AddSign, partial(RuleOptimizer, "Adam")])
def test_numbers_of_numpy_are_learning_rates(optimizer, rate):
    ours, plain = optimizer(learning_rate=rate), optimizer(learning_rate=float(rate))
    assert json.dumps(ours.get_config(), default=float) == json.dumps(plain.get_config(), default=float)
    np.testing.assert_array_equal(path(ours), path(plain))


def test_a_model_is_compiled_with_an_optimizer_by_its_name():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    for optimizer in (PowerSign, AddSign):
        model.compile(optimizer=f"neural_optimizer_search>{optimizer.__name__}", loss="mse")
        assert type(model.optimizer) is optimizer
        assert model.optimizer.get_config() == optimizer().get_config()
    with pytest.raises(ValueError, match=r"without `rule`.* RuleOptimizer\(rule=\.\.\.\).* Received the config: {}"):
        model.compile(optimizer="neural_optimizer_search>RuleOptimizer", loss="mse")


@pytest.mark.parametrize("value", [None, "0.1", NAN, [0.1], -0.1])
@ROWS
def test_learning_rates_that_are_none_are_refused(row, value):
    with pytest.raises(ValueError) as error:
        row.make(value)
    assert str(error.value) == (
        "Argument `learning_rate` must be a finite number of at least 0, or a `LearningRateSchedule`. "
        f"Received: {value!r}."
    )


@pytest.mark.parametrize("value", ["0.1", NAN, -0.1])
@ROWS
def test_weight_decays_that_are_none_are_refused(row, value):
    with pytest.raises(ValueError) as error:
        row.make(0.1, weight_decay=value)
    assert str(error.value) == (
        f"Argument `weight_decay` must be a finite number of at least 0, or None. Received: {value!r}."
    )
