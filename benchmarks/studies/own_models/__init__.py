"""Does a search on your own model beat tuning, with as many gradient steps?

Six methods find an optimizer for each of eight Keras models, two of which were held out while the search was
developed. All have the same number of gradient steps, everything counted: `nos-search`; Optuna and KerasTuner's
Hyperband over the optimizers that people use; the catalogue, whose best rule is then tuned; random rules; and tuned
AdamW alone. Each winner is trained with fresh seeds and measured once on test data.

    python -m benchmarks.run own_models --data_dir DATA --workers 2
    python -m benchmarks.run own_models --data_dir DATA --tasks table --trainings 160 480 1600 --seeds 3

Measurements are stored; the same command continues where it stopped.
"""

import itertools
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.shared_flags import own_data_flag, runs_flag
from benchmarks.studies.common.trainings import FRESH_SEED
from benchmarks.studies.own_models.arms import ARMS, measure
from benchmarks.studies.own_models.pictures import draw
from benchmarks.studies.own_models.pieces import Outcome, Piece, read_outcome, write_outcome
from benchmarks.studies.own_models.report import summarize, summarize_budgets, summarize_tasks
from benchmarks.studies.own_tasks import EIGHT, set_data_directory
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.trials.processes import process_pool
from neural_optimizer_search.command_line import path, whole_number
from neural_optimizer_search.flags import flag

TITLE = "does a search on your own model beat tuning, with as many gradient steps?"
MANY_SEEDS = ("search", "optuna")  # the arms whose number of outer seeds is `seeds`
MOST_SEEDS = 300  # an outer seed has three seeds for weights, which must not come near `FRESH_SEED`
# Outer seed 0 of these models was used while the defaults of the search were chosen, so theirs begin with 1.
SEEN = ("images", "resnet", "separable")


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(EIGHT, "which own models", choices=OWN_TASKS, nargs="+", metavar="NAME")
    arms: Sequence[str] = flag(tuple(ARMS), "what finds an optimizer", choices=ARMS, nargs="+", metavar="ARM")
    trainings: Sequence[int] = flag(
        (480,), "budgets, in trainings: gradient steps", parse=whole_number(100, 1_000_000), nargs="+"
    )
    seeds: int = flag(5, "outer seeds of search and optuna", parse=whole_number(1, MOST_SEEDS))
    other_seeds: int = flag(3, "outer seeds of the other arms, at most --seeds", parse=whole_number(1, MOST_SEEDS))
    first_seed: int = flag(
        0, f"the first outer seed; one more for {', '.join(SEEN)}", parse=whole_number(0, MOST_SEEDS)
    )
    fresh_seeds: int = flag(20, "trainings of each winner", parse=whole_number(2, 1_000))
    workers: int = flag(1, "winners to find at once, each with one thread", parse=whole_number(1, 1_000))
    data_dir: Optional[str] = own_data_flag()
    runs: pathlib.Path = runs_flag("own_models")
    pictures: Optional[pathlib.Path] = flag(None, "directory of the pictures", parse=path, default_text="none")


def run(config: Config) -> dict[str, Any]:
    """Makes the missing measurements; returns the winners of each arm and their results.

    What is said in one number is of the middle budget.
    """
    set_data_directory(config.data_dir)
    outcomes = _measure(list_pieces(config), config)
    budgets = {str(trainings): summarize(outcomes, trainings) for trainings in config.trainings}
    over_tasks = {str(trainings): summarize_tasks(outcomes, trainings) for trainings in config.trainings}
    curves = [summarize_budgets(outcomes, task) for task in config.tasks] if len(config.trainings) > 1 else []
    if config.pictures:
        draw(outcomes, config.trainings, config.pictures)
    middle = sorted(config.trainings)[len(config.trainings) // 2]
    last = over_tasks[str(middle)]
    return dict(
        trainings=middle,
        wins_vs_optuna=len(last.get("wins_vs_optuna", ())),
        losses_vs_optuna=len(last.get("losses_vs_optuna", ())),
        tasks=len(config.tasks),
        step_ratio_geomean=last["step_ratio_geomean"],
        over_tasks=over_tasks,
        curves=curves,
        budgets=budgets,
    )


def list_pieces(config: Config) -> list[Piece]:
    """The pieces to measure, seed by seed, so that partial results can be compared at any time."""
    pieces = []
    for number, trainings in itertools.product(range(config.seeds), config.trainings):
        for task, arm in itertools.product(config.tasks, config.arms):
            if arm in MANY_SEEDS or number < config.other_seeds:
                pieces.append(Piece(task, arm, trainings, config.first_seed + (task in SEEN) + number))
    return pieces


def _measure(pieces: Sequence[Piece], config: Config) -> dict[Piece, Outcome]:
    kept = Kept(config.runs / "outcomes.jsonl", read_outcome)
    of = [_name(piece, config) for piece in pieces]
    if missing := [(pieces[i], of[i]) for i in kept.find_missing(of)]:
        with process_pool(config.workers) as pool:  # a search that Ctrl-C stops resumes later
            running = {
                pool.submit(measure, piece, _find_directory(piece, config), config.fresh_seeds): key
                for piece, key in missing
            }
            kept.add_finished(running, "winner", write_outcome)
    return {piece: kept[key] for piece, key in zip(pieces, of)}


def _name(piece, config):
    return dict(piece._asdict(), fresh_seeds=config.fresh_seeds, first_fresh_seed=FRESH_SEED)


def _find_directory(piece, config):
    return config.runs / f"{piece.task}-{piece.arm}-{piece.trainings}-{piece.seed}"
