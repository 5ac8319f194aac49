"""The one command of the benchmarks: the papers' experiments, our own studies, and the report.

    python -m benchmarks.run rosenbrock --scale small
    python -m benchmarks.run cifar_wrn --scale small --data_dir DATA --optimizers adam powersign-cd "sign(g) * m"
    python -m benchmarks.run all --scale smoke
    python -m benchmarks.run task_discrimination --task digits
    python -m benchmarks.run report

Each prints a human-readable table and, as its last line, one JSON object with the figures.
"""

import functools
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple, Optional

from benchmarks.commands import experiment, report
from benchmarks.experiments import EXPERIMENTS, load_experiment
from benchmarks.studies import STUDIES, StudyFailed, load_study
from neural_optimizer_search import console
from neural_optimizer_search.command_line import Parser, one_of
from neural_optimizer_search.file_lock import InUse
from neural_optimizer_search.flags import build_parser, configure
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.workers.executor import TaskFailed

PROG = "python -m benchmarks.run"
ALL, REPORT = "all", "report"
NAMES = (*EXPERIMENTS, ALL, *STUDIES, REPORT)
_OWN_PACKAGES = ("benchmarks", "neural_optimizer_search", "tf_agents_env")


class Command(NamedTuple):
    """A command of `benchmarks.run`.

    Attributes:
      title: A one-line description.
      config: A frozen dataclass whose fields are flags.
      run: Function that takes a `config`, prints a table and returns the figures for JSON.
    """

    title: str
    config: type
    run: Callable[[Any], dict[str, Any]]


def load_command(name: str) -> Command:
    """Loads the `Command` for one of `NAMES`; imports its module only now, because each needs other libraries."""
    if name in STUDIES:
        return _command_of(load_study(name))
    if name == REPORT:
        return _command_of(report)
    names = EXPERIMENTS if name == ALL else (name,)
    title = "all experiments of the papers, one after another" if name == ALL else load_experiment(name).TITLE
    return Command(title, experiment.Config, functools.partial(experiment.run_experiments, names))


def _command_of(module):
    return Command(module.TITLE, module.Config, module.run)


@console.command(PROG)
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the command named on the command line; returns the exit code."""
    name, *words = list(sys.argv[1:] if argv is None else argv) or [""]
    if name in ("-h", "--help"):
        print(make_help())
        return 0
    _check_name(name)
    try:
        command = load_command(name)
        _require_matplotlib()
    except ImportError as error:
        if _is_fault(error):
            raise
        Parser(f"{PROG} {name}").error(f'{error}. To install what it needs: pip install -e ".[tf-agents,benchmarks]"')
    p = build_parser(f"{PROG} {name}", command.title, command.config)
    given = vars(p.parse_args(words))
    kept = "Finished work is kept"
    console.goes_on(
        f"{kept}; run the same command to continue.", f"{kept}. When that is fixed, run the same command."
    )
    try:
        config = configure(command.config, given)
    except ValueError as error:  # of a class of settings, whose message names the setting
        p.error(str(error))
    try:
        figures = command.run(config)
    except (UserError, FileNotFoundError, StudyFailed, TaskFailed, InUse) as error:
        p.error(str(error))
    except BrokenProcessPool:
        print(f"{p.prog}: a worker died (out of memory?). Try fewer --workers; it will continue.", file=sys.stderr)
        return 1
    print(json.dumps(replace_non_finite(figures), allow_nan=False))
    return 0


def replace_non_finite(figures: Any) -> Any:
    """The figures with non-finite numbers, which JSON cannot represent, replaced by None."""
    if isinstance(figures, Mapping):
        return {name: replace_non_finite(value) for name, value in figures.items()}
    if isinstance(figures, (list, tuple)):
        return [replace_non_finite(value) for value in figures]
    return None if isinstance(figures, float) and not math.isfinite(figures) else figures


def _require_matplotlib():
    """Raises an ImportError now, because pictures are drawn at the end, after hours of work."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("No module named 'matplotlib'", name="matplotlib")


def _check_name(name):
    p = Parser(PROG, add_help=False)
    p.add_argument("name", type=one_of(NAMES), metavar="NAME")
    p.parse_args([name] if name else [])


def make_help() -> str:
    """The help text: every name with its title."""
    groups = {
        "experiments of the papers": (*EXPERIMENTS, ALL),
        "studies": STUDIES,
        "results of the experiments": (REPORT,),
    }
    width = max(map(len, NAMES)) + 2
    lines = [f"usage: {PROG} NAME ...", "", f"Flags of a command: {PROG} NAME --help"]
    for title, names in groups.items():
        lines += ["", f"{title}:", *(f"  {name:{width}s}{_find_title(name)}" for name in names)]
    return "\n".join(lines)


def _find_title(name):
    try:
        return load_command(name).title
    except ImportError as error:
        if _is_fault(error):
            raise
        return f"(cannot run: {error})"


def _is_fault(error: ImportError) -> bool:
    """Whether what cannot be imported is of this program, so that no installation helps."""
    return (error.name or "").partition(".")[0] in _OWN_PACKAGES


if __name__ == "__main__":
    sys.exit(main())
