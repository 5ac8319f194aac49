"""Trainings on disk that took no time: their numbers are random, their shapes right."""

import io
import zipfile

import numpy as np
import refusals
from bowls import BOWLS

from neural_optimizer_search.l2o import saved, training
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig, Training
from neural_optimizer_search.l2o.guided_policy_search import TrainingState
from neural_optimizer_search.l2o.lqg import LinearController
from neural_optimizer_search.l2o.step_policy import StepPolicy, policy_shapes
from neural_optimizer_search.l2o.targets import Batch
from neural_optimizer_search.l2o.trajectories import Trajectories

CONFIG = GuidedPolicySearchConfig(
    functions=3, runs=2, horizon=4, history=3, kept=2, iterations=5, validation=2, validation_steps=3, updates=1
)


def new_state(number=1, config=CONFIG, dimension=BOWLS.dimension):
    rng = np.random.default_rng(number)
    runs = config.functions, config.runs

    def policy():
        kind = dict(compressed=config.compressed, output_bias=config.output_bias)
        shapes = policy_shapes(dimension, config.history, **kind)
        return StepPolicy(**{"scale": None, **{name: rng.normal(size=shape) for name, shape in shapes.items()}})

    def batch():
        points = (*runs, config.horizon + 1)
        return Batch(
            Trajectories(*(rng.normal(size=shape) for shape in ((*points, dimension), points, (*points, dimension)))),
            rng.normal(size=(*runs, config.horizon, dimension)),
            rng.normal(size=(config.functions, config.horizon, dimension, dimension)),
        )

    def targets():
        steps = config.functions, config.horizon, dimension
        gain = rng.normal(size=(*steps, dimension + config.history * (1 + dimension)))
        covariance = np.broadcast_to(np.eye(dimension), [*steps, dimension])
        return LinearController(gain, rng.normal(size=steps), covariance)

    batches = tuple(batch() for _ in range(min(number + 1, config.kept)))
    limit = None if config.limit is None else np.array([config.limit, 0.5, 0.9])
    controllers = targets() if config.near == "target" else None
    return TrainingState(number, policy(), 2.0, policy(), 1.0, batches, np.ones(config.functions), controllers, limit)


def write(directory, family="bowls", config=CONFIG, state=None, preset="steady"):
    """Makes the directory, a training after one iteration; returns its state."""
    directory.mkdir(parents=True)
    state = new_state(config=config) if state is None else state
    training = Training(family, preset)
    saved.save_config(directory, training, config)
    saved.save_state(directory, state, saved.describe(training, config))
    return state


def arrays_of(path):
    """The bytes of an archive's members, by name without its ending."""
    with zipfile.ZipFile(path) as file:
        return {name.removesuffix(".npy"): file.read(name) for name in file.namelist()}


def write_members(path, members, compression=zipfile.ZIP_STORED):
    """Writes an archive of bytes, or of arrays."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content if isinstance(content, bytes) else as_npy(content))


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(shape, descr="<f8"):
    """What an array of this shape begins with."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, dict(shape=shape, fortran_order=False, descr=descr))
    return file.getvalue()


def refused(flags, captured):
    """The line with which `nos-learn` refuses what it is given; it quotes no long content."""
    said = refusals.refused(training.main, flags, captured)
    assert len(said) < 1000
    return said
