"""Shapes and noises of the decays that tests of schedules go through, and their values."""

import numpy as np
from backends import integer

T = 60
PAST_T = [*range(0, T + 1, 4), T + 1, 3 * T]
DEFAULTS = {"num_periods": 0.5, "alpha": 0.0, "beta": 0.001}
SHAPES = [
    {},
    {"num_periods": 2.0},
    {"num_periods": 0.0},
    {"alpha": 0.3, "beta": 0.0},
    {"num_periods": 1.5, "alpha": -0.1, "beta": 0.2},
]


def values(schedule, ts):
    return np.array([float(schedule(integer(t))) for t in ts])


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
