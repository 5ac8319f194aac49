"""The process of one backend, which `process.py` starts with the directory of the request.

It imports nothing that needs a different backend.
"""

import importlib.metadata
import json
import math
import os
import pathlib
import platform
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.studies.backends.given import make_optimizer, read_given
from benchmarks.studies.backends.process import FIGURES, GIVEN, REQUEST, WEIGHTS
from benchmarks.studies.backends.steps import Steps, describe_device, make_steps, to_tensors
from neural_optimizer_search import AddSign, PowerSign, RuleOptimizer
from neural_optimizer_search.keras_versions import BACKEND, VERSION, keras
from neural_optimizer_search.workers.end_with_parent import ask_kernel

# Measured in turns, in this order; a ratio compares turns of the same round.
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-6),
    "powersign": lambda: PowerSign(1e-6),
    "addsign": lambda: AddSign(1e-6),
    "rule": lambda: RuleOptimizer("exp(sign(g) * sign(m)) * g", 1e-6),
}
VARIABLES = 20
SECONDS_OF_A_TURN = 0.1  # for Adam; a single step is too short for the clock and for the queue of a GPU


def main(directory: pathlib.Path) -> None:
    """Reads the request, and writes the figures and the weights to its directory."""
    ask_kernel()
    request = json.loads((directory / REQUEST).read_text())
    if os.getppid() != request["parent"]:  # the parent ended before the kernel was asked
        sys.exit("The study has ended.")
    np.savez(directory / WEIGHTS, **take_given_steps(directory / GIVEN, request["rules"]))
    figures = dict(
        seconds=measure_seconds(request["parameters"], request["rounds"]),
        device=describe_device(),
        versions={
            "python": platform.python_version(),
            "keras": VERSION,
            BACKEND: importlib.metadata.version(BACKEND),
        },
    )
    (directory / FIGURES).write_text(json.dumps(figures))


def take_given_steps(given: pathlib.Path, rules: Sequence[str]) -> dict[str, np.ndarray]:
    """Rule -> all its weights after the given steps, concatenated."""
    weights, gradients = read_given(given)
    gradients, found = [to_tensors(one) for one in gradients], {}
    for rule in rules:
        steps = make_steps(make_optimizer(rule), weights)
        for one in gradients:
            steps.take(one)
        found[rule] = np.concatenate([weight.ravel() for weight in steps.weights()])
    return found


def measure_seconds(parameters: int, rounds: int) -> dict[str, list[float]]:
    """Optimizer -> the seconds of a step in each turn."""
    rng = np.random.default_rng(0)
    shape = (parameters // VARIABLES,)
    weights = [np.ones(shape, np.float32)] * VARIABLES
    gradients = to_tensors([rng.normal(size=shape).astype(np.float32) for _ in range(VARIABLES)])
    every = {name: make_steps(make(), weights) for name, make in OPTIMIZERS.items()}
    for steps in every.values():
        _measure(steps, gradients, 2)  # tracing, and what the first step sets up
    count = math.ceil(SECONDS_OF_A_TURN / _measure(every["adam"], gradients, 3))
    seconds = {name: [] for name in every}
    for _ in range(rounds):
        for name, steps in every.items():
            seconds[name].append(_measure(steps, gradients, count))
    return seconds


def _measure(steps: Steps, gradients: Sequence[Any], count: int) -> float:
    """The mean seconds of a step over `count` steps."""
    steps.wait()
    started = time.perf_counter()
    for _ in range(count):
        steps.take(gradients)
    steps.wait()
    return (time.perf_counter() - started) / count


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
