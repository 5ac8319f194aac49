"""What Keras can do with any optimizer, done with some rows of `rows.py`."""

import numpy as np
import pytest
from backends import BACKEND, KERAS_3, ONLY_KERAS_3, apply, array, keras, tensor, variable
from contracts.fits import X, Y, assert_same_path, fit, fitted_by_hand, linear_model, train
from contracts.rows import GRADIENTS, RATE, SOME_ROWS, TABLE, path, slots, start

from neural_optimizer_search.optimizers import PowerSign
from neural_optimizer_search.schedules import LinearCosineDecay

# Where a step has conditions; at each, JAX would compile them.
EAGER = BACKEND != "jax"
START = start().astype(np.float32)


# -- Arguments of every Keras optimizer ------------------------------------------------------------


WHEN = pytest.mark.parametrize(
    "built",
    [
        False,
        pytest.param(True, marks=pytest.mark.skipif(not KERAS_3, reason="Keras 2 allows it only before")),
    ],
    ids=["excluded before", "excluded once built"],
)


@WHEN
@SOME_ROWS
def test_weight_decay_shrinks_the_weights_before_the_update(row, built):
    variables = _, listed, _ = [variable(START, name=name) for name in ("kernel", "listed", "bias")]
    optimizer, plain = row.make(weight_decay=0.5), row.make()
    if built:
        optimizer.build(variables)
    optimizer.exclude_from_weight_decay(var_list=[listed], var_names=["bias"])
    expected = [variable(START) for _ in variables]
    for g in GRADIENTS:
        apply(optimizer, [tensor(g)] * 3, variables)
        expected[0].assign(array(expected[0]) * (1 - RATE * 0.5))
        apply(plain, [tensor(g)] * 3, expected)
    for ours, theirs in zip(variables, expected):
        assert_same_path(array(ours), array(theirs))


@pytest.mark.parametrize(
    ("clip", "clipped"),
    [
        ({"clipvalue": 0.5}, np.clip(GRADIENTS, -0.5, 0.5)),
        ({"clipnorm": 1.0}, GRADIENTS / np.maximum(1.0, np.linalg.norm(GRADIENTS, axis=1, keepdims=True))),
    ],
    ids=["clipvalue", "clipnorm"],
)
@SOME_ROWS
def test_clipping(row, clip, clipped):
    assert np.max(np.abs(GRADIENTS - clipped)) > 0.5
    assert_same_path(path(row.make(**clip)), path(row.make(), clipped))


@SOME_ROWS
def test_global_clipnorm(row):
    # The norm of 3 and 4 together is 5.
    optimizer, plain = row.make(global_clipnorm=1.0), row.make()
    clipped, expected = ([variable(1.0), variable([2.0])] for _ in range(2))
    apply(optimizer, [tensor(3.0), tensor([4.0])], clipped)
    apply(plain, [tensor(0.6), tensor([0.8])], expected)
    for ours, theirs in zip(clipped, expected):
        assert_same_path(array(ours), array(theirs))


@SOME_ROWS
def test_the_moving_average_of_the_weights(row):
    w, optimizer = variable(START), row.make(use_ema=True, ema_momentum=0.75)
    weights = path(optimizer, w=w)
    assert_same_path(weights, path(row.make()))
    average = weights[0] if KERAS_3 else START  # where it starts
    for each in weights[1 if KERAS_3 else 0 :]:
        average = 0.75 * average + 0.25 * each
    optimizer.finalize_variable_values([w])
    assert_same_path(array(w), average)


@ONLY_KERAS_3
@SOME_ROWS
def test_accumulated_gradients_count_as_one_update_with_their_mean(row):
    weights = path(row.make(gradient_accumulation_steps=2, clipvalue=1.0, weight_decay=0.25))
    means = GRADIENTS.reshape(-1, 2, 6).mean(axis=1)
    expected = path(row.make(clipvalue=1.0, weight_decay=0.25), means)
    assert_same_path(weights[1::2], expected)
    assert_same_path(weights[::2], [START, *expected[:-1]])


@ONLY_KERAS_3
@SOME_ROWS
def test_under_accumulation_schedules_count_the_gradients(row):
    schedule = LinearCosineDecay(RATE, len(GRADIENTS), beta=0.0)
    weights = path(row.make(schedule, gradient_accumulation_steps=2))
    optimizer, w = row.make(), variable(START)
    for update, g in enumerate(GRADIENTS.reshape(-1, 2, 6).mean(axis=1)):
        optimizer.learning_rate = float(schedule(2 * update + 1))
        assert_same_path(path(optimizer, [g], w)[0], weights[2 * update + 1])


@ONLY_KERAS_3
@SOME_ROWS
def test_a_loss_scale_factor_is_divided_out(row):
    assert_same_path(path(row.make(loss_scale_factor=8.0), 8 * GRADIENTS), path(row.make()))


@SOME_ROWS
def test_a_schedule_is_read_at_every_step(row):
    schedule = LinearCosineDecay(RATE, len(GRADIENTS) // 2)
    weights = path(row.make(schedule))
    optimizer, w = row.make(), variable(START)
    for t, g in enumerate(GRADIENTS):
        optimizer.learning_rate = float(schedule(t))
        assert_same_path(path(optimizer, [g], w)[0], weights[t])


# -- Models ----------------------------------------------------------------------------------------


def train_on(model, path):
    """Saves and loads a model, and trains it on and the one that was loaded; both must end up alike."""
    model.save(path)
    again = keras.models.load_model(path)
    before = model.get_weights()
    for each in (model, again):
        train(each)
        train(each)
    for ours, theirs, old in zip(model.get_weights(), again.get_weights(), before):
        np.testing.assert_array_equal(ours, theirs)
        assert np.any(ours != old)


@SOME_ROWS
def test_a_saved_model_trains_on_bit_for_bit(row, tmp_path):
    model = linear_model(row.make(0.02, T=10), run_eagerly=True)
    train(model)
    train_on(model, tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["PowerSign-cd", "AddSign", "Adam", "drop(m, 0.1) * exp(sign(g) * sign(m))"])
def test_a_model_with_all_that_keras_keeps_for_an_optimizer_trains_on_bit_for_bit(name, tmp_path):
    """Amid an accumulation: two batches were seen, four follow, and each three are an update."""
    (row,) = (row for row in TABLE if row.name == name)
    kept = {"use_ema": True, "weight_decay": 0.1, "clipnorm": 1.0}
    accumulating = {"gradient_accumulation_steps": 3} if KERAS_3 else {}
    model = linear_model(row.make(0.02, T=10, **kept, **accumulating), run_eagerly=EAGER)
    train(model)
    train_on(model, tmp_path / "model.keras")


@ONLY_KERAS_3
@SOME_ROWS
def test_a_loaded_model_can_exclude_weights_from_weight_decay(row, tmp_path):
    """Again, for Keras does not save what was excluded."""
    model = linear_model(row.make(0.02, weight_decay=0.5), run_eagerly=True)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    model.optimizer.exclude_from_weight_decay(model.trainable_variables[1:])
    train(model)
    optimizer = row.make(0.02, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    for ours, expected in zip(model.get_weights(), fitted_by_hand(optimizer)):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


@SOME_ROWS
def test_fit_computes_it_and_callbacks_set_the_learning_rate(row):
    # Compiled as Keras chooses; with TensorFlow that is by XLA, which draws other numbers.
    eager = {"run_eagerly": True} if row.random and BACKEND == "tensorflow" else {}
    model, rates, kernels = linear_model(row.make(0.02), **eager), [], []

    def scheduled(epoch, rate):
        rates.append(rate)
        return [0.01, 0.0][epoch]

    def keep(epoch, logs):
        kernels.append(model.get_weights()[0])

    scheduler = keras.callbacks.LearningRateScheduler(scheduled)
    fit(model, epochs=2, callbacks=[scheduler, keras.callbacks.LambdaCallback(on_epoch_end=keep)])
    np.testing.assert_allclose(rates, [0.02, 0.01], rtol=1e-6)
    np.testing.assert_allclose(kernels[0], fitted_by_hand(row.make(0.01))[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(kernels[0], kernels[1])


@pytest.mark.skipif(BACKEND == "torch", reason="It then needs a C++ compiler")
def test_fit_compiled_by_request():
    model = linear_model(PowerSign(0.02), jit_compile=True)
    fit(model)
    for ours, expected in zip(model.get_weights(), fitted_by_hand(PowerSign(0.02))):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.fixture
def policy(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"], indirect=True)
@SOME_ROWS
def test_mixed_precision(row, policy):
    if BACKEND == "jax" and policy == "mixed_bfloat16" and row.name not in ("PowerSign-cd", "Adam"):
        pytest.skip("JAX compiles each; with scaled losses it has every row.")
    model = linear_model(row.make(0.005), run_eagerly=EAGER)
    scaled = policy == "mixed_float16"
    optimizer = model.optimizer.inner_optimizer if scaled else model.optimizer
    train(model)
    trained = [*model.get_weights(), *slots(optimizer)]
    assert {array.dtype.name for array in trained} == {"float32"}
    for ours, exact in zip(trained, fitted_by_hand(row.make(0.005))):
        np.testing.assert_allclose(ours, exact, rtol=2e-2)
    if scaled:
        model.train_on_batch(1e6 * X, Y)  # More than float16 can hold: a step to be skipped.
        for before, after in zip(trained, [*model.get_weights(), *slots(optimizer)]):
            np.testing.assert_array_equal(before, after)
