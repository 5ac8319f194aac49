"""The decays: their values, their dtypes, and what they refuse."""

import math

import numpy as np
import pytest
from backends import array, dtype_of, float64, keras, mapped, tensor

from neural_optimizer_search.decays import (
    Decay,
    annealed_noise_stddev,
    cyclical,
    linear,
    restart,
)
from neural_optimizer_search.operations import of_backend

schedules = keras.optimizers.schedules
OPS = of_backend()


def values(name, ts, T):
    return array(Decay(name)(tensor(ts), tensor(T))).tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ld", [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]),
        ("cd", [1.0, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4, 0.0, 0.0]),
        ("cd_0.5", [1.0, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4, 0.0, 0.0]),
        ("cd_1", [1.0, 0.5, 0.0, 0.5, 1.0, 1.0]),
        ("cd_2", [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
        ("rd_1", [1.0, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4, 0.0, 0.0]),
        ("rd_2", [1.0, 0.5, 1.0, 0.5, 0.0, 0.0]),
        ("rd_4", [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]),
    ],
)
def test_values_at_quarters_and_past_T(name, expected):
    np.testing.assert_allclose(values(name, [0, 2, 4, 6, 8, 100], 8), expected, atol=1e-6)


@pytest.mark.parametrize("n", [1, 10, 20])
def test_restart_decay_is_cosine_decay_restarts_before_T(n):
    T = 200
    oracle = schedules.CosineDecayRestarts(1.0, T // n, t_mul=1.0, m_mul=1.0)
    ts = np.arange(T) + 0.5 / n  # between the restarts, where rounding decides the side
    expected = mapped(oracle, ts.astype(np.float32))
    np.testing.assert_allclose(values(f"rd_{n}", ts, T), expected, atol=1e-4)


def test_cosine_decay_is_that_of_keras():
    oracle = schedules.CosineDecay(1.0, 70)
    ts = np.arange(100)
    np.testing.assert_allclose(values("cd", ts, 70), mapped(oracle, ts), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_dtype_is_kept(dtype):
    with float64():
        t, T = tensor(3.0, dtype), tensor(8.0, dtype)
        for value in (linear(OPS, t, T), cyclical(OPS, t, T), restart(OPS, t, T, 2), annealed_noise_stddev(t)):
            assert dtype_of(value) == dtype


@pytest.mark.parametrize("name", ["ld", "cd", "rd_4"])
@pytest.mark.parametrize("kind", [float, int, np.float32, np.int64, tensor])
@pytest.mark.parametrize("kind_of_T", [float, int, np.float32, np.int64, tensor])
def test_numbers_are_as_good_as_scalars(name, kind, kind_of_T):
    for t in (0, 3, 9):
        value = Decay(name)(kind(t), kind_of_T(8))
        np.testing.assert_allclose(array(value), values(name, t, 8), atol=1e-6)
        assert dtype_of(value) == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_number_beside_a_scalar_keeps_its_dtype(dtype):
    with float64():
        for t, T in ((tensor(3.0, dtype), 8), (3, tensor(8.0, dtype))):
            for name in ("ld", "cd", "rd_4"):
                assert dtype_of(Decay(name)(t, T)) == dtype


def test_the_names_stand_for_the_functions():
    t, T = tensor(3.0), tensor(8.0)
    assert Decay("ld")(t, T) == linear(OPS, t, T)
    assert Decay("cd")(t, T) == cyclical(OPS, t, T, 0.5)
    assert Decay("cd_3")(t, T) == cyclical(OPS, t, T, 3)
    assert Decay("rd_2.5")(t, T) == restart(OPS, t, T, 2.5)


def test_annealed_noise_has_the_paper_variance():
    variance = array(annealed_noise_stddev(tensor([0.0, 1.0, 99.0]))) ** 2
    np.testing.assert_allclose(variance, [1.0, 2**-0.55, 100**-0.55], rtol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "", "LD", "xd", "ld_1", "rd", "cd_0", "cd_-1", "cd_x", "rd_inf", "rd_nan", 3, None, "ld_", "cd_", "rd_",
        "cd_1_0", "cd_ 1 ", " cd_1", "cd_1 ", "cd_1\n", "ld\n", "cd__1", "rd_1e999",
    ],
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=r"Argument `decay` must be .* Received: "):
        Decay(name)
