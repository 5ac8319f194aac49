"""Converts a `TrainingState` to named arrays and back."""

import math
from typing import Any

import numpy as np

from neural_optimizer_search.l2o.arrays import ArrayFile
from neural_optimizer_search.l2o.config import RANGES, GuidedPolicySearchConfig
from neural_optimizer_search.l2o.guided_policy_search import TrainingState
from neural_optimizer_search.l2o.lqg import LinearController
from neural_optimizer_search.l2o.step_policy import StepPolicy, policy_shapes
from neural_optimizer_search.l2o.targets import Batch
from neural_optimizer_search.l2o.trajectories import Trajectories


def to_arrays(state: TrainingState) -> dict[str, Any]:
    """The arrays to save for a state, by name."""
    arrays: dict[str, Any] = dict(number=state.number, merit=state.merit, best_merit=state.best_merit)
    arrays.update(weights=state.weights, kept=len(state.batches))
    for name in ("policy", "best"):
        arrays.update({f"{name}.{field}": array for field, array in getattr(state, name).arrays().items()})
    if state.targets is not None:
        arrays.update({f"targets.{field}": array for field, array in state.targets._asdict().items()})
    if state.limit is not None:
        arrays["limit"] = state.limit
    for i, batch in enumerate(state.batches):
        arrays.update({f"{i}.{field}": array for field, array in batch.trajectories._asdict().items()})
        arrays.update({f"{i}.steps": batch.steps, f"{i}.precisions": batch.precisions})
    return arrays


def read_state(file: ArrayFile, config: GuidedPolicySearchConfig, dimension: int) -> TrainingState:
    """Undoes `to_arrays`.

    Args:
      file: An `ArrayFile`.
      config: Settings of the training.
      dimension: Dimension of the family's functions.

    Raises:
      ValueError: If the arrays are not those of such a training.
    """
    number = _read_int(file, "number", RANGES["iterations"][1])
    kept = _read_int(file, "kept", RANGES["kept"][1])
    if kept != min(number + 1, config.kept):
        raise ValueError(f"it keeps {kept} batches after {number} iterations, not {min(number + 1, config.kept)}.")
    weights = file.read("weights", [config.functions])
    if weights.min() <= 0.0:
        raise ValueError("'weights' has numbers that are not above 0.")
    return TrainingState(
        number=number,
        merit=float(file.read("merit")),
        best_merit=float(file.read("best_merit")),
        weights=weights,
        policy=_read_policy(file, "policy", config, dimension),
        best=_read_policy(file, "best", config, dimension),
        batches=tuple(_read_batch(file, i, config, dimension) for i in range(kept)),
        targets=_read_targets(file, config, dimension) if config.near == "target" else None,
        limit=None if config.limit is None else file.read("limit", [3]),
    )


def most_bytes(config: GuidedPolicySearchConfig, dimension: int) -> int:
    """The maximum size of a state's file in bytes: float64 numbers, and each array's NumPy and zip headers."""
    shapes = _policy_shapes, _batch_shapes, _target_shapes
    policy, batch, targets = (sum(map(math.prod, of(config, dimension).values())) for of in shapes)
    numbers = config.functions + 2 * policy + config.kept * batch + targets + 3
    return 8 * numbers + 2**10 * (2**6 + 5 * config.kept)


def _read_int(file, name, most):
    value = int(file.read(name, dtypes=["int64"]))
    if not 0 <= value <= most:
        raise ValueError(f"{name!r} is {value}, where 0 to {most} was expected.")
    return value


def _read_policy(file, prefix, config, dimension):
    shapes = _policy_shapes(config, dimension)
    arrays = {name: file.read(f"{prefix}.{name}", shape) for name, shape in shapes.items()}
    return StepPolicy(**{"scale": None, **arrays})


def _read_targets(file, config, dimension):
    shapes = _target_shapes(config, dimension)
    targets = LinearController(**{name: file.read(f"targets.{name}", shape) for name, shape in shapes.items()})
    if np.linalg.eigvalsh(targets.covariance).min() <= 0.0:
        raise ValueError("'targets.covariance' has matrices that are not positive definite.")
    return targets


def _read_batch(file, i, config, dimension):
    # Infinity and NaN are allowed, because runs may overflow.
    arrays = {
        name: file.read(f"{i}.{name}", shape, finite=False)
        for name, shape in _batch_shapes(config, dimension).items()
    }
    trajectories = Trajectories(**{name: arrays[name] for name in Trajectories._fields})
    return Batch(trajectories, arrays["steps"], arrays["precisions"])


def _policy_shapes(config, dimension):
    return policy_shapes(dimension, config.history, compressed=config.compressed, output_bias=config.output_bias)


def _target_shapes(config, dimension):
    if config.near == "policy":
        return {}
    steps = config.functions, config.horizon, dimension
    state = dimension + config.history * (1 + dimension)
    return {"gain": (*steps, state), "offset": steps, "covariance": (*steps, dimension)}


def _batch_shapes(config, dimension):
    runs = config.functions, config.runs
    return {
        "iterates": (*runs, config.horizon + 1, dimension),
        "values": (*runs, config.horizon + 1),
        "gradients": (*runs, config.horizon + 1, dimension),
        "steps": (*runs, config.horizon, dimension),
        "precisions": (config.functions, config.horizon, dimension, dimension),
    }
