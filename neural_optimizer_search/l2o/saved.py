"""A training on disk: its settings, where it is, and the best policy so far. Numbers and JSON, no pickles."""

import dataclasses
import json
import os

import numpy as np

from neural_optimizer_search.l2o.guided_policy_search import Batch, GuidedPolicySearchConfig, Iteration
from neural_optimizer_search.l2o.predicted_step_descent import PredictedStepDescent
from neural_optimizer_search.l2o.step_policy import StepPolicy
from neural_optimizer_search.l2o.trajectories import Trajectories

CONFIG, STATE, POLICY = "config.json", "state.npz", "policy.npz"


def save_config(directory, family, config):
    """Writes what the training is, its family's name and its `GuidedPolicySearchConfig`."""
    text = json.dumps(dict(family=family, **dataclasses.asdict(config)), indent=2)
    (directory / CONFIG).write_text(f"{text}\n")


def load_config(directory):
    """(the family's name, the `GuidedPolicySearchConfig`)."""
    found = json.loads((directory / CONFIG).read_text())
    return found.pop("family"), GuidedPolicySearchConfig(**found)


def save_iteration(directory, iteration, about):
    """Writes an `Iteration`, and its best policy for `PredictedStepDescent.load`; whole or not at all."""
    arrays = dict(number=iteration.number, merit=iteration.merit, best_merit=iteration.best_merit)
    arrays.update(weights=iteration.weights, kept=len(iteration.batches))
    for name in ("policy", "best"):
        arrays.update({f"{name}.{field}": array for field, array in getattr(iteration, name)._asdict().items()})
    for i, batch in enumerate(iteration.batches):
        arrays.update({f"{i}.{field}": array for field, array in batch.trajectories._asdict().items()})
        arrays.update({f"{i}.steps": batch.steps, f"{i}.precisions": batch.precisions})
    _replace(directory / STATE, lambda path: _savez(path, arrays))
    _replace(directory / POLICY, PredictedStepDescent(iteration.best, about).save)


def load_iteration(directory):
    """The last `Iteration`, or None before the first."""
    try:
        file = np.load(directory / STATE, allow_pickle=False)
    except FileNotFoundError:
        return None
    with file:
        return Iteration(
            number=int(file["number"]),
            merit=float(file["merit"]),
            best_merit=float(file["best_merit"]),
            weights=file["weights"],
            policy=_tuple(file, StepPolicy, "policy"),
            best=_tuple(file, StepPolicy, "best"),
            batches=tuple(
                Batch(_tuple(file, Trajectories, i), file[f"{i}.steps"], file[f"{i}.precisions"])
                for i in range(int(file["kept"]))
            ),
        )


def finished(directory):
    """Whether a training is there and has had all its iterations."""
    if not (directory / STATE).exists():
        return False
    with np.load(directory / STATE, allow_pickle=False) as file:
        return int(file["number"]) >= load_config(directory)[1].iterations


def _tuple(file, kind, prefix):
    return kind(*(file[f"{prefix}.{field}"] for field in kind._fields))


def _savez(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def _replace(path, write):
    unfinished = path.with_suffix(".unfinished")
    write(unfinished)
    os.replace(unfinished, path)
