"""Schedules of a training by their shape: their factors, and texts that stand for them."""

import numpy as np
import pytest

from neural_optimizer_search.schedule_shape import CONSTANT, DECAYS, Schedule, is_weight_decay, parse_schedule
from neural_optimizer_search.schedules import LinearCosineDecay
from neural_optimizer_search.tasks.protocol import REWARDS


def test_constant_is_exactly_1():
    factors = CONSTANT.factors(7)
    assert factors.dtype == np.float32
    assert factors.tolist() == [1.0] * 7


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule("linear"), [1.0, 0.75, 0.5, 0.25]),
        (Schedule("cosine"), [1.0, (2 + np.sqrt(2)) / 4, 0.5, (2 - np.sqrt(2)) / 4]),
        (Schedule("linear_cosine"), [1.0, 0.75 * (2 + np.sqrt(2)) / 4, 0.25, 0.25 * (2 - np.sqrt(2)) / 4]),
        (Schedule("constant", 0.5), [0.5, 1.0, 1.0, 1.0]),
        (Schedule("linear", 0.5), [0.5, 1.0, 1.0, 0.5]),
        (Schedule("linear", 0.1), [1.0, 0.75, 0.5, 0.25]),  # of no step
        (Schedule("linear", 0.99), [1 / 3, 2 / 3, 1.0, 1.0]),  # the last step is the decay's
    ],
)
def test_factors(schedule, expected):
    np.testing.assert_allclose(schedule.factors(4), np.float32(expected), rtol=1e-6)


def test_linear_cosine_is_the_keras_schedule():
    keras = LinearCosineDecay(1.0, decay_steps=30, beta=0.0)
    np.testing.assert_allclose(
        Schedule("linear_cosine").factors(30), [float(keras(t)) for t in range(30)], rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_every_schedule_has_a_factor_for_each_step(decay, steps):
    for warmup in (0.0, 0.3, 0.999):
        factors = Schedule(decay, warmup).factors(steps)
        assert factors.shape == (steps,)
        assert ((factors > 0) & (factors <= 1)).all()


@pytest.mark.parametrize("text", ["constant", "linear", "cosine, warm-up 0.1", "linear_cosine, warm-up 0.05"])
def test_a_text_comes_back(text):
    assert str(parse_schedule(text)) == text
    assert parse_schedule(parse_schedule(text)) == parse_schedule(text)


@pytest.mark.parametrize(
    "text", ["", "cosin", "cosine, warm-up", "cosine, warm-up 1", "cosine, warm-up x", "cosine, warm-up nan", None, 3]
)
def test_what_is_no_schedule(text):
    with pytest.raises(
        ValueError, match=r"`schedule` must be one of: constant, linear, .* such as \"cosine, warm-up"
    ):
        parse_schedule(text)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"`decay` must be one of: constant, linear, .* Received: 'step'"):
        Schedule("step")
    with pytest.raises(ValueError, match=r"`decay` must be one of: .* Received: \['linear'\]"):
        Schedule(["linear"])
    for warmup in (1, -0.1, float("nan"), "0.1", True):
        with pytest.raises(ValueError, match=r"`warmup` must be a number in \[0, 1\)\. Received"):
            Schedule("linear", warmup)


def test_weight_decays():
    assert all(map(is_weight_decay, (0, 0.0, 1e-2, 3)))
    assert not any(map(is_weight_decay, (-1e-9, float("nan"), float("inf"), "0", None, True)))


@pytest.mark.parametrize(("count", "of"), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 2), (9, 3)])
def test_the_reward_at_the_end_is_the_mean_of_the_last_third(count, of):
    scores = np.arange(count) / 10
    assert REWARDS["end_accuracy"](scores, None, None) == pytest.approx(np.mean(scores[-of:]))
