"""PowerSign and AddSign against numbers by hand and a NumPy loop; `contracts/` has what every optimizer must do."""

import math
import re

import numpy as np
import pytest
import reference
from backends import BACKEND, apply, array, compiled, float64, keras, tensor, variable
from contracts.rows import averages_of, material, path

from neural_optimizer_search.decays import Decay
from neural_optimizer_search.optimizers import AddSign, PowerSign, RuleOptimizer

T, STEPS, SIZE = 24, 40, 8
GRADIENTS = material(STEPS, SIZE)
BOTH = pytest.mark.parametrize("optimizer_class", [PowerSign, AddSign])
KERNEL = pytest.mark.parametrize(
    "kernel",
    [pytest.param(True, marks=pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow alone has it")), False],
    ids=["kernel", "plain"],
)
DECAYS = {
    None: lambda t: 1.0,
    "ld": lambda t: reference.ld(t, T),
    "cd": lambda t: reference.cd(1 / 2, t, T),
    "cd_2": lambda t: reference.cd(2, t, T),
    "rd_10": lambda t: reference.rd(10, t, T),
    "rd_20": lambda t: reference.rd(20, t, T),
}
# A few roundings of one number. f(t) is computed in float32: without it, float64 is as exact as NumPy.
TOLERANCES = {"float16": 3e-3, "bfloat16": 2e-2, "float32": 1e-5, "float64": 1e-5}


def numpy_loop(optimizer_class, gradients=GRADIENTS, decay=None, base=math.e, alpha=1.0, beta=0.9):
    """The update direction and m at each step."""
    m = np.zeros(gradients.shape[1])
    for t, g in enumerate(gradients):
        m = beta * m + (1 - beta) * g
        agreement = DECAYS[decay](t) * np.sign(g) * np.sign(m)
        yield (base**agreement if optimizer_class is PowerSign else alpha + agreement) * g, m


def directions(optimizer, dtypes=("float32",)):
    """The same of an optimizer, for weights of each dtype; from 0, so that only the step is rounded."""
    weights = [variable(np.zeros(SIZE), dtype) for dtype in dtypes]
    step = compiled(optimizer, weights, xla=False)
    optimizer.learning_rate = 0.5
    for g in GRADIENTS:
        for w in weights:
            w.assign(np.zeros(SIZE))
        step([tensor(g, dtype) for dtype in dtypes])
        yield {
            dtype: (array(w).astype(float) / -0.5, array(m).astype(float))
            for dtype, w, m in zip(dtypes, weights, averages_of(optimizer))
        }


def written_out(optimizer_class):
    """The class without its native kernel: what overrides the equation is computed by it."""
    return type(
        optimizer_class.__name__,
        (optimizer_class,),
        {"update_direction": lambda self, step: optimizer_class.update_direction(self, step)},
    )


def decay_arguments(decay):
    return {"decay": decay, "decay_steps": T} if decay else {}


def test_the_gradients_of_these_tests_tell_rules_apart():
    agreements = [np.sign(g) * np.sign(m) for g, (_, m) in zip(GRADIENTS, numpy_loop(AddSign))]
    for outcome in (-1, 0, 1):
        assert np.sum(np.array(agreements) == outcome) > STEPS // 2
    # Any dtype agrees on the signs: gradients are exact, averages are no rounding error.
    np.testing.assert_array_equal(GRADIENTS, np.round(GRADIENTS * 8) / 8)
    assert all(np.all((abs(m) > 0.03) | (m == 0)) for _, m in numpy_loop(AddSign))


@KERNEL
@pytest.mark.parametrize("decay", DECAYS)
@BOTH
def test_equals_numpy_in_every_dtype_and_past_T(optimizer_class, decay, kernel):
    optimizer = (optimizer_class if kernel else written_out(optimizer_class))(**decay_arguments(decay))
    with float64():
        steps = list(directions(optimizer, TOLERANCES))
    for ours, (direction, m) in zip(steps, numpy_loop(optimizer_class, decay=decay)):
        for dtype, (our_direction, our_m) in ours.items():
            rtol = TOLERANCES[dtype]
            np.testing.assert_allclose(our_direction, direction, rtol=rtol, atol=rtol / 4, err_msg=dtype)
            np.testing.assert_allclose(our_m, m, rtol=rtol, atol=rtol, err_msg=dtype)


@KERNEL
@pytest.mark.parametrize(
    ("optimizer_class", "arguments"),
    [
        (PowerSign, {"base": 10.0, "beta": 0.5}),
        (PowerSign, {"base": 0.5, "beta": 0.0}),
        (AddSign, {"alpha": 2.0, "beta": 0.99}),
        (AddSign, {"alpha": -0.5, "beta": 0.75}),
    ],
)
def test_hyperparameters_equal_numpy(optimizer_class, arguments, kernel):
    made = optimizer_class if kernel else written_out(optimizer_class)
    optimizer = made(decay="cd", decay_steps=T, **arguments)
    for ours, (direction, m) in zip(directions(optimizer), numpy_loop(optimizer_class, decay="cd", **arguments)):
        np.testing.assert_allclose(ours["float32"], (direction, m), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("optimizer", "gradients", "expected"),
    [
        (AddSign(0.1, alpha=2.0), [1.0, -0.5, 0.0], [0.7, 0.75, 0.75]),
        # beta = 0: m is g, the signs always agree.
        (AddSign(0.1, beta=0.0), [1.0, -0.5], [0.8, 0.9]),
        # ld is 1, 1/2, 0, 0: 4 to the power of it is 4, 2, 1, 1.
        (PowerSign(0.1, base=4.0, decay="ld", decay_steps=2), [1.0] * 4, [0.6, 0.4, 0.3, 0.2]),
        (AddSign(0.1, decay=Decay("ld"), decay_steps=2), [1.0] * 4, [0.8, 0.65, 0.55, 0.45]),
        # Where the decay ends, the update is that of SGD.
        (PowerSign(1, decay="ld", decay_steps=1), [0.0, 0.25, -0.5], [1.0, 0.75, 1.25]),
        (AddSign(1, decay="ld", decay_steps=1), [0.0, 0.25, -0.5], [1.0, 0.75, 1.25]),
    ],
)
def test_steps_by_hand(optimizer, gradients, expected):
    np.testing.assert_allclose(path(optimizer, gradients, w=1.0), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (PowerSign(0.05), "exp(sign(g) * sign(m)) * g"),
        (AddSign(0.05), "(1 + sign(g) * sign(m)) * g"),
        (PowerSign(0.05, decay="cd", decay_steps=T), "exp(cd * sign(g) * sign(m)) * g"),
        (PowerSign(0.05, 2.0, decay="rd_10", decay_steps=T), "2^(rd_10*sign(g)*sign(m)) * g"),
        (AddSign(0.05, 2.0, decay="ld", decay_steps=T), "(2 + ld * sign(g) * sign(m)) * g"),
        # The sign of the bias-corrected average is that of the average.
        (AddSign(0.05), "(1 + sign(g * m)) * g"),
    ],
)
def test_equals_the_rule_of_the_same_formula(optimizer, formula):
    weights = path(RuleOptimizer(formula, 0.05, decay_steps=T), GRADIENTS)
    np.testing.assert_allclose(weights, path(optimizer, GRADIENTS), rtol=2e-5, atol=2e-6)


@BOTH
def test_fit_lowers_the_loss(optimizer_class):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(optimizer=optimizer_class(decay="ld", decay_steps=16), loss="mse")
    loss = model.fit(x, x[:, :1] - 0.5 * x[:, 1:2], batch_size=16, epochs=4, verbose=0, shuffle=False).history["loss"]
    assert loss[-1] < 0.2 * loss[0]
    # One average each; the scalars are the iterations and, in Keras 3, the learning rate.
    averages = [tuple(v.shape) for v in model.optimizer.variables if len(v.shape)]
    assert sorted(averages) == sorted(tuple(w.shape) for w in model.get_weights())
    assert int(array(model.optimizer.iterations)) == 16


@pytest.mark.skipif(BACKEND != "jax", reason="XLA's powers are slow")
@pytest.mark.parametrize("decay", [{}, {"decay": "cd", "decay_steps": T}])
def test_powersign_takes_no_power_of_each_weight(decay):
    import jax

    w, optimizer = variable(np.ones(SIZE)), PowerSign(0.1, 2.0, **decay)
    optimizer.build([w])
    state = [each.value for each in optimizer.variables]
    program = str(jax.make_jaxpr(optimizer.stateless_apply)(state, [w.value], [w.value]))
    assert f"f32[{SIZE}] = sign" in program
    assert not re.search(rf"f32\[{SIZE}\] = (exp|exp2|pow)\b", program)


def test_a_step_of_half_precision_is_rounded_once():
    # e times the gradient is no number of float16; the step is.
    w = variable([1.0], "float16")
    apply(PowerSign(1e-3), [tensor([-6e4], "float16")], [w])
    np.testing.assert_allclose(array(w), [1 + 60 * np.e], rtol=2e-3)
