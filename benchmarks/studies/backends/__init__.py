"""Do the optimizers compute the same on every Keras backend, and what does a step cost there?

Each backend runs in a process of its own, which needs NumPy, Keras and that backend. First every rule of the
catalogue that draws no random numbers takes 50 steps on given gradients, and the weights are compared. Then Keras's
Adam, PowerSign, AddSign and the `RuleOptimizer` of PowerSign's formula update the same number of parameters in 20
variables, in turns, so that the machine's noise affects all: with a `tf.function` on TensorFlow, a jitted
`stateless_apply` with donated buffers on JAX, and `apply` on PyTorch.

    python -m benchmarks.run backends
    python -m benchmarks.run backends --backends jax torch --python jax=.venv-keras3/bin/python --parameters 90000000
"""

import json
import os
import pathlib
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.studies.backends.given import RULES, STEPS, find_differences, write_given
from benchmarks.studies.backends.interpreters import BACKENDS, Interpreter, find_interpreter, parse_interpreter
from benchmarks.studies.backends.process import GIVEN, REQUEST, Measured, run_process
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag

TITLE = "do the optimizers compute the same on every Keras backend, and what does a step cost?"

# Shares of the arrays that a step must move: Adam reads g, m, v, w and writes m, v, w; the others have no v.
MEMORY_TRAFFIC = {"powersign_over_adam": 5 / 7, "addsign_over_adam": 5 / 7, "rule_over_adam": 5 / 7}


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    backends: Sequence[str] = flag(BACKENDS, "backends to measure", choices=BACKENDS, nargs="+", metavar="BACKEND")
    python: Sequence[Interpreter] = flag(
        (),
        "the Python that runs a backend",
        parse=parse_interpreter,
        default_text="this Python if it has the backend, else that of .venv-keras3 or .venv-torch",
        nargs="+",
        metavar="BACKEND=PATH",
    )
    rules: Sequence[str] = flag(
        RULES, "rules to compare", choices=RULES, default_text="all without random words", nargs="+", metavar="NAME"
    )
    parameters: int = flag(9_000_000, "number of parameters to update", parse=whole_number(1000))
    rounds: int = flag(40, "turns of each optimizer", parse=whole_number(1, 100_000))
    threads: int = flag(1, "processor threads", parse=whole_number(1, 1_000))


def run(config: Config) -> dict[str, Any]:
    """Measures one backend after the other; returns the figures of each, or None for one that no Python has.

    Raises:
      StudyFailed: If the process of a backend fails.
    """
    print(f"{'':11s}{'Adam, ms a step':>16s}" + "".join(f"{_spell(ratio):>28s}" for ratio in MEMORY_TRAFFIC))
    measured = {}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        write_given(directory / GIVEN)
        asked = dict(rules=config.rules, parameters=config.parameters, rounds=config.rounds, parent=os.getpid())
        (directory / REQUEST).write_text(json.dumps(asked))
        for backend in config.backends:
            python = find_interpreter(backend, config.python)
            if python is None:
                print(f"{backend:11s}is absent: no Python tried has it and Keras; set --python {backend}=PATH")
                continue
            measured[backend] = run_process(python, backend, directory, config.threads)
            _print_ratios(backend, measured[backend])
    print(f"{'by memory traffic alone':27s}" + "".join(f"{share:28.2f}" for share in MEMORY_TRAFFIC.values()))
    differences = find_differences({backend: one.weights for backend, one in measured.items()})
    print(
        f"\n{'':11s}largest weight difference from another backend, after {STEPS} steps of {len(config.rules)} rules"
    )
    figures: dict[str, Any] = dict.fromkeys(config.backends)
    for backend, of_rules in differences.items():
        largest = max(of_rules, key=of_rules.__getitem__) if len(measured) > 1 else None
        figures[backend] = dict(max_difference=largest and of_rules[largest], differs_most=largest)
        figures[backend].update(_figures(measured[backend]))
        print(f"{backend:11s}" + (f"{of_rules[largest]:.1e}, of {largest}" if largest else "no other backend"))
    settings = dict(parameters=config.parameters, rounds=config.rounds, threads=config.threads)
    return dict(settings, memory_traffic=MEMORY_TRAFFIC, backends=figures)


def _spell(ratio):
    names = {"powersign": "PowerSign", "addsign": "AddSign", "rule": "rule", "adam": "Adam"}
    mine, adam = ratio.split("_over_")
    return f"{names[mine]} / {names[adam]}"


def _ratios(measured: Measured) -> dict[str, np.ndarray]:
    """The quartiles of the ratios of turns in the same round, because a slow machine slows both."""
    seconds = {name: np.array(turns) for name, turns in measured.seconds.items()}
    quotients = {ratio: np.divide(*(seconds[name] for name in ratio.split("_over_"))) for ratio in MEMORY_TRAFFIC}
    return {ratio: np.percentile(found, (25, 50, 75)) for ratio, found in quotients.items()}


def _figures(measured: Measured) -> dict[str, Any]:
    ratios = _ratios(measured)
    return dict(
        {ratio: median for ratio, (_, median, _) in ratios.items()},
        middle_half={ratio: [low, high] for ratio, (low, _, high) in ratios.items()},
        milliseconds={name: 1e3 * statistics.median(turns) for name, turns in measured.seconds.items()},
        device=measured.device,
        versions=measured.versions,
    )


def _print_ratios(backend: str, measured: Measured) -> None:
    adam = 1e3 * statistics.median(measured.seconds["adam"])
    ratios = "".join(
        f"{f'{median:.2f} ({low:.2f} to {high:.2f})':>28s}" for low, median, high in _ratios(measured).values()
    )
    where = ", ".join([measured.device, *(f"{name} {version}" for name, version in measured.versions.items())])
    print(f"{backend:11s}{adam:16.2f}{ratios}   {where}", flush=True)
