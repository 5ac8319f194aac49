"""A training on disk: its settings, where it is, and the best policy so far. Numbers and JSON, no pickles."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from neural_optimizer_search.files import write_whole
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.guided_policy_search import Batch, TrainingState
from neural_optimizer_search.l2o.predicted_step_descent import PredictedStepDescent
from neural_optimizer_search.l2o.step_policy import StepPolicy
from neural_optimizer_search.l2o.trajectories import Trajectories

CONFIG, STATE, POLICY = "config.json", "state.npz", "policy.npz"


def save_config(directory: pathlib.Path, family: str, config: GuidedPolicySearchConfig) -> None:
    """Writes what the training is, its family's name and its `GuidedPolicySearchConfig`."""
    text = json.dumps(dict(family=family, **dataclasses.asdict(config)), indent=2)
    write_whole(directory / CONFIG, lambda unfinished: unfinished.write_text(f"{text}\n"))


def load_config(directory: pathlib.Path) -> tuple[str, GuidedPolicySearchConfig]:
    """(the family's name, the `GuidedPolicySearchConfig`)."""
    found = json.loads((directory / CONFIG).read_text())
    return found.pop("family"), GuidedPolicySearchConfig(**found)


def save_state(directory: pathlib.Path, state: TrainingState, about: Mapping[str, Any]) -> None:
    """Writes a `TrainingState`, and its best policy for `PredictedStepDescent.load`."""
    arrays: dict[str, Any] = dict(number=state.number, merit=state.merit, best_merit=state.best_merit)
    arrays.update(weights=state.weights, kept=len(state.batches))
    for name in ("policy", "best"):
        arrays.update({f"{name}.{field}": array for field, array in getattr(state, name)._asdict().items()})
    for i, batch in enumerate(state.batches):
        arrays.update({f"{i}.{field}": array for field, array in batch.trajectories._asdict().items()})
        arrays.update({f"{i}.steps": batch.steps, f"{i}.precisions": batch.precisions})
    write_whole(directory / STATE, lambda unfinished: _write_arrays(unfinished, arrays))
    write_whole(directory / POLICY, PredictedStepDescent(state.best, about).save)


def load_state(directory: pathlib.Path) -> Optional[TrainingState]:
    """The last `TrainingState`, or None before the first."""
    try:
        file = np.load(directory / STATE, allow_pickle=False)
    except FileNotFoundError:
        return None
    with file:
        return TrainingState(
            number=int(file["number"]),
            merit=float(file["merit"]),
            best_merit=float(file["best_merit"]),
            weights=file["weights"],
            policy=_read_tuple(file, StepPolicy, "policy"),
            best=_read_tuple(file, StepPolicy, "best"),
            batches=tuple(
                Batch(_read_tuple(file, Trajectories, i), file[f"{i}.steps"], file[f"{i}.precisions"])
                for i in range(int(file["kept"]))
            ),
        )


def is_finished(directory: pathlib.Path) -> bool:
    """Whether a training is there and has had all its iterations."""
    if not (directory / STATE).exists():
        return False
    with np.load(directory / STATE, allow_pickle=False) as file:
        return int(file["number"]) >= load_config(directory)[1].iterations


def _read_tuple(file, kind, prefix):
    return kind(*(file[f"{prefix}.{field}"] for field in kind._fields))


def _write_arrays(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)
