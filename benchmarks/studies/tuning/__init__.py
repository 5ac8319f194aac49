"""How does `nos-tune` compare with plain Optuna over `compile` and `fit`, and with random search?

First, one optimizer is tuned in one space by the same tuner and number of trials, with `nos-tune` and over `compile`
and `fit`, to compare trials per hour and results. Then the best of the catalogue, with all its constants tuned, is
compared with random search over Keras's own optimizers at equal gradient steps. Every result is trained with fresh
seeds and measured once on test data.

    python -m benchmarks.run tuning --data_dir DATA --workers 2
    python -m benchmarks.run tuning --data_dir DATA --tasks table --fit_tasks table --trials 20 --budget 40 --seeds 1
"""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.shared_flags import own_data_flag, own_tasks_flag, runs_flag
from benchmarks.studies.common.trainings import trainings
from benchmarks.studies.own_tasks import NAMES, set_data_directory
from benchmarks.studies.tuning.comparisons import compare_with_fit, compare_with_stock
from benchmarks.studies.tuning.tuned import Tuned
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.workers.placement import ONE_THREAD

TITLE = "how does nos-tune compare with Optuna over fit, and with random search?"
RULES = ("adam", "nadam", "sgd-nesterov", "lion", "cautious-adam", "muon")


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = own_tasks_flag()
    fit_tasks: Sequence[str] = flag(
        ("text", "images"), "own models for the comparison with fit", choices=NAMES, nargs="+", metavar="NAME"
    )
    trials: int = flag(100, "trials of each tuner in the comparison with fit", parse=whole_number(1, 100_000))
    budget: int = flag(
        500, "budget of the comparison with random search, in trainings", parse=whole_number(2, 1_000_000)
    )
    rules: Sequence[str] = flag(RULES, "rules of the catalogue to tune", choices=CATALOGUE, nargs="+", metavar="NAME")
    seeds: int = flag(3, "tuners of each kind, with seeds from 0", parse=whole_number(1, 1_000))
    fresh_seeds: int = flag(10, "trainings of each winner", parse=whole_number(2, 1_000))
    workers: int = flag(1, "trainings at once, each a process with one thread", parse=whole_number(1, 1_000))
    data_dir: Optional[str] = own_data_flag()
    runs: pathlib.Path = runs_flag("own_tasks")


def run(config: Config) -> dict[str, Any]:
    """Tunes; returns the cost and the results of each tuner."""
    set_data_directory(config.data_dir)
    ONE_THREAD.take()
    kept = Kept(config.runs / "tuners.jsonl", lambda stored: Tuned(**stored))
    with trainings(config.runs / "trainings.jsonl", config.workers) as train:
        return dict(fit=compare_with_fit(config, train, kept), stock=compare_with_stock(config, train, kept))
