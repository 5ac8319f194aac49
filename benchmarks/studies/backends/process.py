"""Starts the process of one backend, and reads its results."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.studies import StudyFailed
from benchmarks.studies.backends.interpreters import ROOT
from neural_optimizer_search.command_line import quote

_CHILD = "benchmarks.studies.backends.child"
# The names that TensorFlow, PyTorch and XLA have for the number of threads.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NPROC")
# Otherwise, free memory goes back to Linux now and then, and it is luck which optimizer pays for new pages: on
# PyTorch, PowerSign took from 0.2 to 1.5 times as long as Adam.
_SETTINGS = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**30)}
GIVEN, REQUEST, FIGURES, WEIGHTS = "given.npz", "request.json", "figures.json", "weights.npz"


@dataclass(frozen=True)
class Measured:
    """The results of the process of a backend.

    Attributes:
      seconds: Optimizer -> the seconds of a step in each turn; "adam" is Keras's.
      weights: Rule -> all its weights after the last step.
      device: The device that it computed on.
      versions: Library -> version.
    """

    seconds: Mapping[str, Sequence[float]]
    weights: Mapping[str, np.ndarray]
    device: str
    versions: Mapping[str, str]


def run_process(python: str, backend: str, directory: pathlib.Path, threads: int) -> Measured:
    """Measures a backend in a process, which ends before this returns or raises.

    Args:
      python: The path of its Python.
      backend: The backend.
      directory: The directory of `GIVEN`, `REQUEST`, and the files that the process writes.
      threads: Number of threads that the process may use.

    Raises:
      StudyFailed: If the process fails; what it wrote to standard error is shown first.
    """
    environment = {**os.environ, **_SETTINGS, **dict.fromkeys(_THREADS, str(threads)), "KERAS_BACKEND": backend}
    ended = subprocess.run(
        [python, "-m", _CHILD, str(directory)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        print(ended.stderr, file=sys.stderr)
        raise StudyFailed(
            f"the process of the backend {backend}, run by {quote(python)}, ended with code {ended.returncode}: "
            f"{(ended.stderr.strip() or 'it wrote nothing').splitlines()[-1]}"
        )
    with np.load(directory / WEIGHTS) as weights:
        return Measured(weights=dict(weights), **json.loads((directory / FIGURES).read_text()))
