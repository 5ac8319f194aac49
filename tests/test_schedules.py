import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.schedules import LinearCosineDecay, NoisyLinearCosineDecay

keras_schedules = tf.keras.optimizers.schedules
T = 60
PAST_T = [*range(0, T + 1, 4), T + 1, 3 * T]
SHAPES = [
    {},
    {"num_periods": 2.0},
    {"num_periods": 0.0},
    {"alpha": 0.3, "beta": 0.0},
    {"num_periods": 1.5, "alpha": -0.1, "beta": 0.2},
]


def original(schedule, name, step, **arguments):
    """`tf.compat.v1.train`'s function of that name."""
    function = getattr(tf.compat.v1.train, name)
    return function(schedule.initial_learning_rate, step, schedule.decay_steps, **arguments)


def values(schedule, ts):
    return np.array([float(schedule(tf.constant(t, tf.int64))) for t in ts])


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_cosine_is_the_original(shape):
    schedule = LinearCosineDecay(0.7, T, **shape)
    expected = [float(original(schedule, "linear_cosine_decay", t, **shape)()) for t in PAST_T]
    np.testing.assert_allclose(values(schedule, PAST_T), expected, rtol=1e-5, atol=1e-7)


def test_linear_cosine_by_hand():
    path = values(LinearCosineDecay(2.0, 4, beta=0.001), [0, 2, 4, 9])
    np.testing.assert_allclose(path, [2.002, 0.502, 0.002, 0.002], rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_variance_the_noisy_one_is_the_quiet_one(shape):
    noisy = NoisyLinearCosineDecay(0.7, T, initial_variance=0.0, **shape)
    np.testing.assert_array_equal(values(noisy, PAST_T), values(LinearCosineDecay(0.7, T, **shape), PAST_T))


def stddev(t, initial_variance=1.0, variance_decay=0.55, num_periods=0.5):
    """Of the original's learning rate: its noise times its cosine, both at most at T."""
    t = min(t, T)
    cosine = 0.5 * (1 + np.cos(2 * np.pi * num_periods * t / T))
    return np.sqrt(initial_variance / (1 + t) ** variance_decay) * cosine


NOISES = [
    (0, {}),
    (20, {}),
    (20, {"initial_variance": 0.25, "variance_decay": 1.2}),
    (20, {"variance_decay": 0.0}),
    (3 * T, {"num_periods": 2.0}),
]


@pytest.mark.parametrize(("t", "noise"), NOISES)
def test_noise_has_the_moments_of_the_original(t, noise):
    count = 4000
    oracle = original(LinearCosineDecay(1.0, T), "noisy_linear_cosine_decay", t, **noise)
    draw = tf.function(lambda: tf.map_fn(lambda _: oracle(), tf.range(count), fn_output_signature=tf.float32))
    tf.random.set_seed(1)
    theirs = draw().numpy()
    quiet = float(LinearCosineDecay(1.0, T, noise.get("num_periods", 0.5))(t))
    assert abs(theirs.mean() - quiet) < 5 * stddev(t, **noise) / np.sqrt(count)
    np.testing.assert_allclose(theirs.std(), stddev(t, **noise), rtol=0.06)

    # Ours: the same standard normal number z, whatever the arguments, times that deviation.
    z = float(NoisyLinearCosineDecay(1.0, T, num_periods=0.0, variance_decay=0.0, seed=9)(t))
    z -= float(LinearCosineDecay(1.0, T, num_periods=0.0)(t))
    ours = float(NoisyLinearCosineDecay(1.0, T, seed=9, **noise)(t))
    np.testing.assert_allclose(ours - quiet, z * stddev(t, **noise), rtol=1e-4, atol=1e-5)


def test_noise_is_standard_normal_before_its_scale():
    count = 4000
    schedule = NoisyLinearCosineDecay(1.0, count, variance_decay=0.0, num_periods=0.0, beta=0.0)
    quiet = LinearCosineDecay(1.0, count, num_periods=0.0, beta=0.0)
    z = tf.function(
        lambda: tf.map_fn(lambda t: schedule(t) - quiet(t), tf.range(count), fn_output_signature=tf.float32)
    )().numpy()
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


def test_noise_is_the_same_in_a_graph():
    schedule = NoisyLinearCosineDecay(1.0, T, seed=-5)
    assert float(tf.function(schedule)(tf.constant(7, tf.int64))) == float(schedule(7))


def test_past_T_the_noise_goes_on_unless_the_cosine_is_zero():
    after = [T, T + 1, T + 2]
    np.testing.assert_allclose(values(NoisyLinearCosineDecay(1.0, T), after), 0.001, rtol=1e-5)
    assert len(set(values(NoisyLinearCosineDecay(1.0, T, num_periods=1.0), after))) == 3


def test_the_noisy_one_can_be_negative():
    assert any(float(NoisyLinearCosineDecay(1.0, T, seed=seed)(0)) < 0 for seed in range(40))


@pytest.mark.parametrize(
    "schedule",
    [
        LinearCosineDecay(0.5, T, num_periods=2.0, alpha=0.1, beta=0.2),
        NoisyLinearCosineDecay(0.5, T, 0.9, 0.4, num_periods=2.0, alpha=0.1, beta=0.2, seed=7),
    ],
)
def test_serialization_and_use_in_an_optimizer(schedule):
    again = keras_schedules.deserialize(keras_schedules.serialize(schedule))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(values(again, PAST_T), values(schedule, PAST_T))

    sgd = tf.keras.optimizers.SGD(schedule)
    sgd = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(sgd))
    w, expected = tf.Variable(0.0, dtype=tf.float32), np.float32(0.0)
    for t in range(5):
        sgd.apply_gradients([(tf.constant(1.0), w)])
        expected -= np.float32(schedule(t))
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-5)


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
