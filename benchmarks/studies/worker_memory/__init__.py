"""How much memory does a worker take, compared with `fit` on the same model?

    python -m benchmarks.run worker_memory --data_dir DATA

A model is trained for some steps: once by Keras's `fit` with Adam, and by several workers at the same time, each of
which measures a rule. Each is a process of its own with one thread. It reports its peak memory and, while the others
still run, its private memory and its proportional share of all memory: the kernel's `VmHWM`, private pages and `Pss`.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.shared_flags import data_dir_flag
from benchmarks.studies.worker_memory.models import MODELS
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag

TITLE = "how much memory does a worker take, compared with fit on the same model?"
KINDS = ("fit", "worker")


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    models: tuple[str, ...] = flag(
        tuple(MODELS), f"models to measure, from {', '.join(MODELS)}", choices=MODELS, nargs="+", metavar="MODEL"
    )
    workers: int = flag(3, "workers that run at the same time", parse=whole_number(1, 100))
    steps: int = flag(20, "steps of a training", parse=whole_number(1, 100_000))
    data_dir: Optional[str] = data_dir_flag()


def run(config: Config) -> dict[str, Any]:
    """Measures each model; returns megabytes by model and kind, and the ratios to `fit`."""
    print(f"{'model':14s} {'process':10s} {'peak MB':>8s} {'private MB':>11s} {'share MB':>12s}", flush=True)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for model in config.models:
        found[model] = {}
        for kind in KINDS:
            count = config.workers if kind == "worker" else 1
            found[model][kind] = measure(kind, model, count, config)
            for one in found[model][kind]:
                print(f"{model:14s} {kind:10s} {one['peak']:8.0f} {one['private']:11.0f} {one['part']:12.0f}")
    ratios = {model: compare(rows) for model, rows in found.items()}
    for model, ratio in ratios.items():
        print(f"{model}: a worker's peak is {ratio['peak']:.2f} of fit's, its share at the end {ratio['part']:.2f}")
    return dict(workers=config.workers, steps=config.steps, megabytes=found, ratios=ratios)


def compare(rows: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """The ratios of the largest worker to `fit`, for the peak and for the proportional share."""
    (fit,) = rows["fit"]
    return {name: max(one[name] for one in rows["worker"]) / fit[name] for name in ("peak", "part")}


def measure(kind: str, model: str, count: int, config: Config) -> list[dict[str, float]]:
    """Megabytes of each of `count` processes that run at the same time.

    Raises:
      StudyFailed: If one of them ends before it has trained.
    """
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_start(kind, model, config)) for _ in range(count)]
        for process in processes:
            if process.stdout.readline() != "trained\n":
                written = process.communicate()[1].strip()  # nothing if the kernel killed it, for its memory
                reason = written.splitlines()[-1] if written else f"code {process.returncode}, and it wrote nothing"
                raise StudyFailed(f"{kind} of {model} ended: {reason}")
        found = []
        for process in processes:
            process.stdin.write("measure\n")
            process.stdin.flush()
            found.append(json.loads(process.stdout.readline()))
        return found


@contextlib.contextmanager
def _start(kind, model, config) -> Iterator[subprocess.Popen[str]]:
    words = [kind, model, str(config.steps), config.data_dir or ""]
    command = [sys.executable, "-m", "benchmarks.studies.worker_memory.process", *words]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()
