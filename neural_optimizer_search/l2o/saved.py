"""A training on disk: its settings, its state, and the policy chosen so far. Numbers and JSON, no pickles."""

import contextlib
import dataclasses
import io
import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.file_lock import FileLock
from neural_optimizer_search.files import Damaged, read_bytes, read_text, require_regular, write_whole
from neural_optimizer_search.l2o.arrays import open_arrays, write_arrays
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig, Training
from neural_optimizer_search.l2o.guided_policy_search import TrainingState
from neural_optimizer_search.l2o.predicted_step_descent import PredictedStepDescent
from neural_optimizer_search.l2o.presets import EARLIER
from neural_optimizer_search.l2o.state_arrays import most_bytes, read_state, to_arrays
from neural_optimizer_search.origin import find_origin
from neural_optimizer_search.recorded_flags import check_recorded, complete, record
from neural_optimizer_search.records.run_directory import TRAINING_CONFIG, TRAINING_LOCK, TRAINING_STATE

CONFIG, STATE, POLICY, LOCK = TRAINING_CONFIG, TRAINING_STATE, "policy.npz", TRAINING_LOCK


def lock(directory: pathlib.Path) -> FileLock:
    """Locks the directory of a training, to which only one process may write at a time.

    The lock is on a separate file: it is needed before other files exist, and those get replaced.

    Raises:
      InUse: If another process holds it.
      Damaged, OSError: If it cannot be locked.
    """
    with contextlib.suppress(FileExistsError):
        open(directory / LOCK, "x").close()
    require_regular(directory / LOCK)
    return FileLock(directory / LOCK)


# -- What the training is --------------------------------------------------------------------------


class Recorded(NamedTuple):
    """The description of a training.

    Attributes:
      training: Its `Training`: the family's name, and the preset.
      config: Its `GuidedPolicySearchConfig`.
      origin: Who made it and where, for `is_made_here`; None in trainings of earlier releases.
    """

    training: Training
    config: GuidedPolicySearchConfig
    origin: Any = None


def describe(training: Training, config: GuidedPolicySearchConfig) -> dict[str, Any]:
    """The description of a training, in JSON types."""
    return {**record(training), **dataclasses.asdict(config)}


def save_config(directory: pathlib.Path, training: Training, config: GuidedPolicySearchConfig) -> None:
    """Writes the description of a training, and records that it was made here."""
    text = json.dumps(dict(describe(training, config), origin=find_origin(directory)), indent=2)
    write_whole(directory / CONFIG, lambda unfinished: unfinished.write_text(f"{text}\n"))


def load_config(directory: pathlib.Path) -> Recorded:
    """Reads what `save_config` wrote.

    Raises:
      FileNotFoundError, OSError: If there is no training, or it cannot be read.
      Damaged: If the file is not one that `save_config` wrote.
    """
    path = directory / CONFIG
    text = read_text(path, most=2**20)
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise Damaged("it is not a table of names and values.")
        origin = found.pop("origin", None)
        found = _complete(found)
        missing = sorted({"family", *_fields()} - set(found))
        if missing:
            raise Damaged(f"it does not say {missing[0]!r}.")
        of_training = {name: found.pop(name) for name in ("family", "preset")}
        check_recorded(Training, of_training)
        return Recorded(Training(**of_training), GuidedPolicySearchConfig(**found), origin)
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"{path} is damaged: {str(error).rstrip('.')}.") from None


def _complete(about):
    """Adds the settings that trainings older than the presets do not record."""
    return about if "preset" in about else {**EARLIER, **complete(Training, about)}


def _fields():
    return {field.name for field in dataclasses.fields(GuidedPolicySearchConfig)}


# -- Its state -------------------------------------------------------------------------------------


def save_state(directory: pathlib.Path, state: TrainingState, about: Mapping[str, Any]) -> None:
    """Writes the chosen policy and then the `TrainingState`, so that the policy is never older than the state.

    Args:
      directory: Directory of the training.
      state: The `TrainingState`.
      about: The result of `describe`.
    """
    arrays = dict(to_arrays(state), about=json.dumps(about))
    write_whole(directory / POLICY, _chosen(state, about).save)
    write_whole(directory / STATE, lambda unfinished: _write_state(unfinished, arrays))


def restore_policy(directory: pathlib.Path, state: TrainingState, about: Mapping[str, Any]) -> None:
    """Rewrites the policy's file if it does not hold the chosen policy of a state."""
    expected = io.BytesIO()
    _chosen(state, about).write(expected)
    try:
        if read_bytes(directory / POLICY) == expected.getvalue():
            return
    except (OSError, Damaged):
        pass
    write_whole(directory / POLICY, lambda unfinished: unfinished.write_bytes(expected.getvalue()))


def load_state(directory: pathlib.Path, dimension: int) -> Optional[TrainingState]:
    """Reads the last `TrainingState`; returns None if there is none yet.

    Args:
      directory: Directory of the training.
      dimension: Dimension of the family's functions.

    Raises:
      OSError: If it cannot be read.
      Damaged: If this or another file in the directory was not written by this training.
    """
    training, config, _ = load_config(directory)
    path = directory / STATE
    try:
        # The state is not compressed: its arrays have no more bytes than the file.
        most = min(most_bytes(config, dimension), path.stat().st_size)
        with open_arrays(path, "state of this training", most) as file:
            _check_about(file, describe(training, config))
            return read_state(file, config, dimension)
    except FileNotFoundError:
        return None


def is_finished(directory: pathlib.Path) -> bool:
    """Whether a training exists and has finished all its iterations; False if it is damaged."""
    try:
        config = load_config(directory).config
        with open_arrays(directory / STATE, "state of a training") as file:
            return int(file.read("number", dtypes=["int64"])) >= config.iterations
    except (FileNotFoundError, Damaged):
        return False


def _chosen(state, about):
    return PredictedStepDescent(state.choose(about["chosen"])[0], about)


def _check_about(file, about):
    """Raises a ValueError if a state belongs to another training; states of earlier releases do not say."""
    if "about" in file and _identify(json.loads(file.read_text("about"))) != _identify(about):
        raise ValueError("it belongs to a training with another family or other settings.")


def _identify(about):
    """Everything that must not change when a training is resumed."""
    if not isinstance(about, dict):
        return None
    return {name: value for name, value in _complete(about).items() if name != "iterations"}


def _write_state(path, arrays):
    with open(path, "wb") as file:
        write_arrays(file, arrays)
