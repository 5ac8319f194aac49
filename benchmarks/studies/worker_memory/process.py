"""A process that trains a model, says when it is done, and reports its memory on demand."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Optional

import tensorflow as tf

from benchmarks.studies.worker_memory.models import MODELS
from neural_optimizer_search import parse_formula
from neural_optimizer_search.tasks.image_task import ImageTask
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.workers.measuring_worker import make_evaluator
from neural_optimizer_search.workers.placement import ONE_THREAD


def main(kind: str, model: str, steps: int, data_dir: str) -> None:
    """Trains, then answers each line of standard input with the current memory of the process."""
    task, protocol = MODELS[model]()
    half = max(1, steps // 2)
    sizes = dict(sweep_steps=half, final_steps=2 * half, validate_every=half)
    protocol = dataclasses.replace(protocol, learning_rates=(0.001,), **sizes)
    task = dataclasses.replace(task, settings=tuple(s._replace(protocol=protocol) for s in task.settings[:1]))
    kept = {"fit": fit, "worker": measure}[kind](task, protocol, data_dir or None)
    print("trained", flush=True)
    for _ in sys.stdin:
        print(json.dumps(read_megabytes()), flush=True)
    del kept  # kept until here, as a user or a worker would keep it


def fit(task: ImageTask, protocol: Protocol, data_dir: Optional[str]) -> Any:
    """Trains the model as a user would."""
    ONE_THREAD.take()
    train, validation = task.splits(protocol, data_dir)
    model = task.networks[protocol.name](train.images.shape[1:], task.classes)
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    how = dict(steps_per_epoch=protocol.validate_every, epochs=2, verbose=0, validation_data=tuple(validation))
    model.fit(*train, batch_size=protocol.batch_size, **how)
    return model, train, validation


def measure(task: ImageTask, protocol: Protocol, data_dir: Optional[str]) -> Any:
    """Measures a rule as a worker would."""
    evaluate = make_evaluator(task, protocol, data_dir)
    assert evaluate(parse_formula("Adam")).status == "ok"
    return evaluate


def read_megabytes() -> dict[str, float]:
    """The peak, the private memory and the proportional share of this process."""
    status, now = (_read(name) for name in ("status", "smaps_rollup"))
    private = now["Private_Clean"] + now["Private_Dirty"]
    return {"peak": status["VmHWM"] / 1024, "private": private / 1024, "part": now["Pss"] / 1024}


def _read(name):
    rows = (line.split() for line in Path(f"/proc/self/{name}").read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if row[-1] == "kB"}


if __name__ == "__main__":
    kind, model, steps, data_dir = sys.argv[1:]
    main(kind, model, int(steps), data_dir)
