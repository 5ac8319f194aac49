"""Does a step of a search cost more after many trained rules, and what do the report and resuming cost?

The study makes ledgers of searches that never ran. On each, the real loop takes steps with an executor that trains
nothing, and PPO, where it is installed, learns after as many rules. The real commands resume and report the largest
ledger, each in a process of its own. Their times include the import of TensorFlow, which is also given alone. All
times are processor times.

    python -m benchmarks.run ledger_growth --evaluations 1000 100000
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.studies import StudyFailed
from benchmarks.studies.ledger_growth.made_up import made_up_executor, make_config, make_run
from neural_optimizer_search.command_line import is_installed, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER, REPORT
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.search.recorder import EvaluationRecorder

TITLE = "what do a step, resuming and the report cost after many trained rules?"
SEED = 1  # of the proposals; the ledgers have other rules
WARM_UP = 2  # steps that are not measured, because the first ones trace

# A process of its own, which prints its cost at the end. Its peak is the kernel's `VmHWM`, because `ru_maxrss` would
# count the memory of this process, from which it is forked.
_CHILD = """
import json, re, resource, runpy, sys
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
except SystemExit as end:
    if end.code:
        raise
used = resource.getrusage(resource.RUSAGE_SELF)
peak = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())
print("\\n" + json.dumps([used.ru_utime + used.ru_stime, int(peak[1]) / 1024]))
"""


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    evaluations: Sequence[int] = flag(
        (1000, 100_000), "numbers of rules that the searches have trained", parse=whole_number(1), nargs="+"
    )
    steps: int = flag(21, "steps of each search to measure", parse=whole_number(1))


def run(config: Config) -> dict[str, Any]:
    """Measures steps with each ledger, and the commands with the largest; returns the figures by name and size."""
    sizes = sorted(set(config.evaluations))
    figures: dict[str, float] = {}
    print("rules trained    ms a step    ms a step of PPO    ms to save it")
    with tempfile.TemporaryDirectory() as scratch:
        for size in sizes:
            directory = Path(scratch, str(size))
            make_run(directory, size)
            if size == sizes[-1]:
                figures.update(_measure_commands(directory, size))
            row = {"step_ms": _measure_steps(directory, config.steps), **_measure_ppo(size, config.steps)}
            figures.update({f"{name}_{_label(size)}": value for name, value in row.items()})
            cells = [f"{row[name]:.2f}" if name in row else "-" for name in ("step_ms", "ppo_step_ms", "ppo_save_ms")]
            print(f"{size:13,d}    {cells[0]:>9s}    {cells[1]:>16s}    {cells[2]:>13s}", flush=True)
    largest = _label(sizes[-1])
    print(f"\nWith {sizes[-1]:,} rules:\n               seconds       peak MB")
    for name in ("import", "resume", "report"):
        seconds, megabytes = figures[f"{name}_s_{largest}"], figures[f"{name}_mb_{largest}"]
        print(f"{name:12s} {seconds:9.1f} {megabytes:13.0f}")
    print(f"The page has {figures[f'page_mb_{largest}']:.2f} MB.")
    return figures


def _label(size):
    """1e5 for 100000; a number that is not a power of ten stays as it is."""
    zeros = len(str(size)) - 1
    return f"1e{zeros}" if size == 10**zeros else str(size)


# -- Steps -----------------------------------------------------------------------------------------


def _measure_steps(directory, count):
    """Median milliseconds of a step of random search."""
    with contextlib.closing(Ledger(directory / LEDGER)) as ledger:
        algorithm = RandomSearch(make_config(1).make_space(), SEED, ledger.steps)
        steps = search(algorithm, EvaluationRecorder(made_up_executor, ledger), ledger, Limits())

        def step():
            next(steps)
            ledger.counts()  # for the progress bar

        return _find_median(step, count)


def _measure_ppo(size, count):
    """Milliseconds of a step of PPO, and of saving it, after `size` rules; empty where PPO cannot run."""
    if not is_installed("tf_agents"):
        return {}
    from tf_agents_env.controller_config import CONTROLLERS
    from tf_agents_env.controllers import Controller

    with tempfile.TemporaryDirectory() as scratch:
        controller = Controller(make_config(1).make_space(), CONTROLLERS["ppo"]["fast"], SEED, scratch)
        # Letting it emit them would take hours.
        controller._emitted.add([f"{number:024x}" for number in range(size)], [n / size for n in range(size)])

        def step():
            proposal = controller.propose(controller.iteration)
            controller.learn(proposal, list(made_up_executor(proposal.rules)))

        return {
            "ppo_step_ms": _find_median(step, count),
            "ppo_save_ms": _find_median(controller.save, 3),
        }


def _find_median(do, count):
    """Median milliseconds of processor time of a call."""
    seconds = []
    for _ in range(WARM_UP + count):
        started = time.process_time()
        do()
        seconds.append(time.process_time() - started)
    return 1e3 * statistics.median(seconds[WARM_UP:])


# -- Commands --------------------------------------------------------------------------------------


def _measure_commands(directory, size):
    """Seconds and megabytes of the commands, and of the import that is a part of each."""
    package = "neural_optimizer_search"
    commands = {
        "import": [f"{package}.files"],
        "resume": [f"{package}.search.command", "--resume", str(directory)],
        "report": [f"{package}.report.command", str(directory)],
    }
    figures = {}
    for name, words in commands.items():
        seconds, megabytes = _run_child(words)
        figures.update({f"{name}_s_{_label(size)}": seconds, f"{name}_mb_{_label(size)}": megabytes})
    figures[f"page_mb_{_label(size)}"] = (directory / REPORT).stat().st_size / 1e6
    return figures


def _run_child(words):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", _CHILD, *words], env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise StudyFailed(f"{' '.join(words)} ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return json.loads(ended.stdout.splitlines()[-1])
