"""The Keras schedules: their formulas, the noise of the noisy one, and their configurations."""

import itertools

import numpy as np
import pytest
import reference
from backends import apply, array, compiled, integer, keras, mapped, tensor, variable
from decay_cases import DEFAULTS, NOISES, PAST_T, SHAPES, T, stddev, values

from neural_optimizer_search.schedule_shape import DECAYS, Schedule
from neural_optimizer_search.schedules import LinearCosineDecay, NoisyLinearCosineDecay, WarmUp, make_schedule

keras_schedules = keras.optimizers.schedules


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_cosine_is_its_formula(shape):
    n, alpha, beta = (shape.get(name, default) for name, default in DEFAULTS.items())
    expected = [0.7 * ((alpha + reference.ld(t, T)) * reference.cd(n, t, T) + beta) for t in PAST_T]
    np.testing.assert_allclose(values(LinearCosineDecay(0.7, T, **shape), PAST_T), expected, rtol=1e-5, atol=1e-7)


def test_linear_cosine_by_hand():
    path = values(LinearCosineDecay(2.0, 4, beta=0.001), [0, 2, 4, 9])
    np.testing.assert_allclose(path, [2.002, 0.502, 0.002, 0.002], rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_variance_the_noisy_one_is_the_quiet_one(shape):
    noisy = NoisyLinearCosineDecay(0.7, T, initial_variance=0.0, **shape)
    np.testing.assert_array_equal(values(noisy, PAST_T), values(LinearCosineDecay(0.7, T, **shape), PAST_T))


@pytest.mark.parametrize(("t", "noise"), NOISES)
def test_noise_is_one_number_times_its_standard_deviation(t, noise):
    quiet = float(LinearCosineDecay(1.0, T, noise.get("num_periods", 0.5))(t))
    # The same standard normal number z, whatever the arguments.
    z = float(NoisyLinearCosineDecay(1.0, T, num_periods=0.0, variance_decay=0.0, seed=9)(t))
    z -= float(LinearCosineDecay(1.0, T, num_periods=0.0)(t))
    ours = float(NoisyLinearCosineDecay(1.0, T, seed=9, **noise)(t))
    np.testing.assert_allclose(ours - quiet, z * stddev(t, **noise), rtol=1e-4, atol=1e-5)


def test_noise_is_standard_normal_before_its_scale():
    count = 4000
    schedule = NoisyLinearCosineDecay(1.0, count, variance_decay=0.0, num_periods=0.0, beta=0.0)
    quiet = LinearCosineDecay(1.0, count, num_periods=0.0, beta=0.0)
    z = mapped(lambda t: schedule(t) - quiet(t), range(count))
    assert abs(z.mean()) < 0.08 and abs(z.std() - 1) < 0.06
    assert abs(np.mean(z**3)) < 0.2 and abs(np.mean(z**4) - 3) < 0.5
    assert abs(np.corrcoef(z[1:], z[:-1])[0, 1]) < 0.08


def test_noise_depends_on_the_seed_and_the_step_alone():
    schedule = NoisyLinearCosineDecay(1.0, T, seed=3)
    again = NoisyLinearCosineDecay(1.0, T, seed=3)
    first = values(schedule, range(T))
    np.testing.assert_array_equal(values(schedule, reversed(range(T)))[::-1], first)
    np.testing.assert_array_equal(values(again, range(T)), first)
    other = values(NoisyLinearCosineDecay(1.0, T, seed=4), range(T))
    quiet = values(LinearCosineDecay(1.0, T), range(T))
    assert len(np.unique(np.round(first - quiet, 6))) > 0.9 * T
    assert np.mean(first[:-1] != other[:-1]) > 0.9
    assert abs(np.corrcoef(first - quiet, other - quiet)[0, 1]) < 0.5


def test_all_bits_of_a_seed_and_of_a_step_count():
    def noise(seed, t):
        return float(
            NoisyLinearCosineDecay(1.0, 2**31 - 1, variance_decay=0.0, num_periods=0.0, seed=seed)(integer(t))
        )

    seeds = (0, 1, -1, 2**31, 2**32, 2**32 + 1, -(2**32), 2**62, 2**63 - 1, -(2**63))
    assert len({noise(seed, 3) for seed in seeds}) == len(seeds)
    steps = (0, 1, 255, 256, 2**15, 2**16, 2**16 + 1, 2**24, 2**24 + 1, 2**31 - 1)
    assert len({noise(7, t) - noise(8, t) for t in steps}) == len(steps)


def test_noise_is_the_same_in_a_function():
    schedule = NoisyLinearCosineDecay(1.0, T, seed=-5)
    np.testing.assert_allclose(mapped(schedule, range(9)), values(schedule, range(9)), rtol=1e-6, atol=1e-6)


def test_noise_is_the_same_in_a_compiled_step():
    weights = []
    for xla in (None, False):
        w, sgd = variable(0.0), keras.optimizers.SGD(NoisyLinearCosineDecay(1.0, T, seed=2))
        step = (lambda g, sgd=sgd, w=w: apply(sgd, g, [w])) if xla is None else compiled(sgd, [w], xla)
        for _ in range(3):
            step([tensor(1.0)])
        weights.append(array(w))
    np.testing.assert_allclose(*weights, rtol=1e-6)


def test_past_T_the_noise_goes_on_unless_the_cosine_is_zero():
    after = [T, T + 1, T + 2]
    np.testing.assert_allclose(values(NoisyLinearCosineDecay(1.0, T), after), 0.001, rtol=1e-5)
    assert len(set(values(NoisyLinearCosineDecay(1.0, T, num_periods=1.0), after))) == 3


def test_the_noisy_one_can_be_negative():
    assert any(float(NoisyLinearCosineDecay(1.0, T, seed=seed)(0)) < 0 for seed in range(40))


@pytest.mark.parametrize(
    "schedule",
    [
        0.5,
        LinearCosineDecay(0.5, T),
        NoisyLinearCosineDecay(0.5, T, seed=3),
        keras_schedules.CosineDecay(0.5, T),
        keras_schedules.PolynomialDecay(0.5, T, end_learning_rate=0.0),
    ],
)
def test_a_warm_up_rises_to_the_first_rate_and_goes_on_with_the_schedule(schedule):
    rate = (lambda t: schedule) if isinstance(schedule, float) else (lambda t: float(schedule(integer(t))))
    expected = [rate(0) / 4, rate(0) / 2, rate(0) * 3 / 4, rate(0), *map(rate, range(T + 3))]
    np.testing.assert_allclose(values(WarmUp(schedule, 4), range(T + 7)), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [int, float, np.int64, np.int32, np.float32, np.array])
@pytest.mark.parametrize("schedule", [LinearCosineDecay(0.5, T), NoisyLinearCosineDecay(0.5, T, seed=3)])
def test_a_warm_up_takes_the_steps_of_python_and_of_numpy(schedule, kind):
    warm_up = WarmUp(schedule, 4)
    rates = [float(warm_up(kind(t))) for t in (0, 3, 4, 9)]
    np.testing.assert_allclose(rates, values(warm_up, (0, 3, 4, 9)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("decay", "warmup"), list(itertools.product(DECAYS, (0.0, 0.1, 0.33))))
def test_made_of_a_shape_the_rate_goes_as_in_a_measured_run(decay, warmup):
    shape = Schedule(decay, warmup)
    for made in (make_schedule(shape, 0.025, T), make_schedule(str(shape), 0.025, T)):
        rates = values(made, range(T)) if callable(made) else np.full(T, made)
        np.testing.assert_allclose(rates, 0.025 * shape.factors(T), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("sine", 0.1, 9), "Argument `schedule` must be one of: constant, .* Received: 'sine'"),
        (("linear", 0.0, 9), "Argument `learning_rate` must be a finite number > 0. Received: 0.0"),
        (("linear", 0.1, 0), "Argument `steps` must be an int > 0. Received: 0"),
        (("constant", 0.1, 2.5), "Argument `steps` must be an int > 0. Received: 2.5"),
    ],
)
def test_no_schedule_is_made_of_these(given, message):
    with pytest.raises(ValueError, match=message):
        make_schedule(*given)


@pytest.mark.parametrize("schedule", [0.0, -1.0, float("nan"), "0.1", None, True])
def test_a_warm_up_needs_a_schedule_or_a_rate(schedule):
    with pytest.raises(ValueError, match=r"^Argument `schedule` must be a LearningRateSchedule or a finite"):
        WarmUp(schedule, 4)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2"])
def test_a_warm_up_needs_a_number_of_steps(steps):
    with pytest.raises(ValueError, match=r"^Argument `warmup_steps` must be an int > 0\."):
        WarmUp(0.1, steps)


@pytest.mark.parametrize(
    "schedule",
    [
        WarmUp(0.5, 3),
        WarmUp(NoisyLinearCosineDecay(0.5, T, seed=3), 3),
        LinearCosineDecay(0.5, T, num_periods=2.0, alpha=0.1, beta=0.2),
        NoisyLinearCosineDecay(0.5, T, 0.9, 0.4, num_periods=2.0, alpha=0.1, beta=0.2, seed=7),
    ],
)
def test_serialization_and_use_in_an_optimizer(schedule):
    again = keras_schedules.deserialize(keras_schedules.serialize(schedule))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(values(again, PAST_T), values(schedule, PAST_T))

    sgd = keras.optimizers.SGD(schedule)
    sgd = keras.optimizers.deserialize(keras.optimizers.serialize(sgd))
    w, expected = variable(0.0), np.float32(0.0)
    for t in range(5):
        apply(sgd, [tensor(1.0)], [w])
        expected -= array(schedule(t))
    np.testing.assert_allclose(array(w), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("initial_learning_rate", 0.0),
        ("initial_learning_rate", float("nan")),
        ("initial_learning_rate", "0.1"),
        ("decay_steps", 0),
        ("decay_steps", 10.0),
        ("decay_steps", None),
        ("initial_variance", -1.0),
        ("variance_decay", -0.1),
        ("num_periods", -0.5),
        ("alpha", float("inf")),
        ("beta", None),
        ("seed", 0.5),
        ("seed", 2**63),
    ],
)
def test_arguments_out_of_range_are_refused(argument, value):
    arguments = {"initial_learning_rate": 0.1, "decay_steps": 10, argument: value}
    noisy_only = argument in ("initial_variance", "variance_decay", "seed")
    for schedule in [NoisyLinearCosineDecay] + [LinearCosineDecay] * (not noisy_only):
        with pytest.raises(ValueError, match=rf"Argument `{argument}` must be .* Received: "):
            schedule(**arguments)
