"""A training on disk: its settings, where it is, and the best policy so far. Numbers and JSON, no pickles."""

import contextlib
import dataclasses
import io
import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from neural_optimizer_search.file_lock import FileLock
from neural_optimizer_search.files import Damaged, read_bytes, read_text, require_regular, write_whole
from neural_optimizer_search.flags import check_recorded
from neural_optimizer_search.l2o.arrays import ArrayFile, open_arrays
from neural_optimizer_search.l2o.config import RANGES, GuidedPolicySearchConfig, Training
from neural_optimizer_search.l2o.guided_policy_search import Batch, TrainingState
from neural_optimizer_search.l2o.predicted_step_descent import PredictedStepDescent
from neural_optimizer_search.l2o.step_policy import StepPolicy, policy_shapes
from neural_optimizer_search.l2o.trajectories import Trajectories
from neural_optimizer_search.origin import find_origin

CONFIG, STATE, POLICY, LOCK = "config.json", "state.npz", "policy.npz", "training.lock"


def lock(directory: pathlib.Path) -> FileLock:
    """Holds the directory of a training, which one process writes at a time.

    The lock lies on a file of its own: it is needed before there is another, and those are replaced.

    Raises:
      InUse: If another process holds it.
      Damaged, OSError: If it cannot be held.
    """
    with contextlib.suppress(FileExistsError):
        open(directory / LOCK, "x").close()
    require_regular(directory / LOCK)
    return FileLock(directory / LOCK)


# -- What the training is --------------------------------------------------------------------------


class Recorded(NamedTuple):
    """What a training says of itself.

    Attributes:
      family: The family's name.
      config: Its `GuidedPolicySearchConfig`.
      origin: Who made it and where, for `is_made_here`; None in those of earlier releases.
    """

    family: str
    config: GuidedPolicySearchConfig
    origin: Any = None


def describe(family: str, config: GuidedPolicySearchConfig) -> dict[str, Any]:
    """What a training is, as JSON can hold it."""
    return dict(family=family, **dataclasses.asdict(config))


def save_config(directory: pathlib.Path, family: str, config: GuidedPolicySearchConfig) -> None:
    """Writes what the training is, and that it is made here."""
    text = json.dumps(dict(describe(family, config), origin=find_origin(directory)), indent=2)
    write_whole(directory / CONFIG, lambda unfinished: unfinished.write_text(f"{text}\n"))


def load_config(directory: pathlib.Path) -> Recorded:
    """What `save_config` wrote.

    Raises:
      FileNotFoundError, OSError: If there is no training, or it cannot be read.
      Damaged: If the file is not one that `save_config` wrote.
    """
    path = directory / CONFIG
    text = read_text(path, most=2**20)
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise Damaged("it is no table of names and values.")
        origin = found.pop("origin", None)
        missing = sorted({"family", *_fields()} - set(found))
        if missing:
            raise Damaged(f"it does not say {missing[0]!r}.")
        family = found.pop("family")
        check_recorded(Training, {"family": family})
        return Recorded(family, GuidedPolicySearchConfig(**found), origin)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"{path} is damaged: {str(error).rstrip('.')}.") from None


def _fields():
    return {field.name for field in dataclasses.fields(GuidedPolicySearchConfig)}


# -- Where it is -----------------------------------------------------------------------------------


def save_state(directory: pathlib.Path, state: TrainingState, about: Mapping[str, Any]) -> None:
    """Writes a `TrainingState`, and before it the best policy: what ends in between leaves none behind its state.

    Args:
      directory: Of the training.
      state: The `TrainingState`.
      about: Of `describe`.
    """
    arrays: dict[str, Any] = dict(number=state.number, merit=state.merit, best_merit=state.best_merit)
    arrays.update(weights=state.weights, kept=len(state.batches), about=json.dumps(about))
    for name in ("policy", "best"):
        arrays.update({f"{name}.{field}": array for field, array in getattr(state, name)._asdict().items()})
    for i, batch in enumerate(state.batches):
        arrays.update({f"{i}.{field}": array for field, array in batch.trajectories._asdict().items()})
        arrays.update({f"{i}.steps": batch.steps, f"{i}.precisions": batch.precisions})
    write_whole(directory / POLICY, PredictedStepDescent(state.best, about).save)
    write_whole(directory / STATE, lambda unfinished: _write_arrays(unfinished, arrays))


def restore_policy(directory: pathlib.Path, state: TrainingState, about: Mapping[str, Any]) -> None:
    """Writes the best policy of a state if the file holds another one, or none."""
    expected = io.BytesIO()
    PredictedStepDescent(state.best, about).write(expected)
    try:
        if read_bytes(directory / POLICY) == expected.getvalue():
            return
    except (OSError, Damaged):
        pass
    write_whole(directory / POLICY, lambda unfinished: unfinished.write_bytes(expected.getvalue()))


def load_state(directory: pathlib.Path, dimension: int) -> Optional[TrainingState]:
    """The last `TrainingState`, or None before the first.

    Args:
      directory: Of the training.
      dimension: How many numbers the family's functions take.

    Raises:
      OSError: If it cannot be read.
      Damaged: If the file, or what is beside it in the directory, was not written by this training.
    """
    family, config, _ = load_config(directory)
    path = directory / STATE
    try:
        # The state is not packed: its arrays have no more bytes than the file.
        most = min(_most_bytes(config, dimension), path.stat().st_size)
        with open_arrays(path, "state of this training", most) as file:
            _check_about(file, family, config)
            return _read_state(file, config, dimension)
    except FileNotFoundError:
        return None


def is_finished(directory: pathlib.Path) -> bool:
    """Whether a training is there and has had all its iterations; one that is damaged has not."""
    try:
        config = load_config(directory).config
        with open_arrays(directory / STATE, "state of a training") as file:
            return int(file.read("number", dtypes=["int64"])) >= config.iterations
    except (FileNotFoundError, Damaged):
        return False


def _read_state(file: ArrayFile, config, dimension):
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
    )


def _read_int(file, name, most):
    value = int(file.read(name, dtypes=["int64"]))
    if not 0 <= value <= most:
        raise ValueError(f"{name!r} is {value}, where 0 to {most} was expected.")
    return value


def _read_policy(file, prefix, config, dimension):
    shapes = policy_shapes(dimension, config.history)
    return StepPolicy(**{name: file.read(f"{prefix}.{name}", shape) for name, shape in shapes.items()})


def _read_batch(file, i, config, dimension):
    # Infinity and NaN are allowed: runs may leave the finite numbers.
    arrays = {
        name: file.read(f"{i}.{name}", shape, finite=False)
        for name, shape in _batch_shapes(config, dimension).items()
    }
    return Batch(Trajectories(*map(arrays.get, Trajectories._fields)), arrays["steps"], arrays["precisions"])


def _check_about(file, family, config):
    """States of earlier releases do not say what they are of."""
    if "about" in file and _identify(json.loads(file.read_text("about"))) != _identify(describe(family, config)):
        raise ValueError("it is of a training with another family or other settings.")


def _identify(about):
    return (
        {name: value for name, value in about.items() if name != "iterations"} if isinstance(about, dict) else about
    )


def _batch_shapes(config, dimension):
    runs = config.functions, config.runs
    return {
        "iterates": (*runs, config.horizon + 1, dimension),
        "values": (*runs, config.horizon + 1),
        "gradients": (*runs, config.horizon + 1, dimension),
        "steps": (*runs, config.horizon, dimension),
        "precisions": (config.functions, config.horizon, dimension, dimension),
    }


def _most_bytes(config, dimension):
    """Of a state's file: float64 numbers, and what NumPy and zip say of each array."""
    policy = sum(map(math.prod, policy_shapes(dimension, config.history).values()))
    batch = sum(map(math.prod, _batch_shapes(config, dimension).values()))
    return 8 * (config.functions + 2 * policy + config.kept * batch) + 2**10 * (2**6 + 5 * config.kept)


def _write_arrays(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)
