"""The compared arms: each finds a winner within a budget of gradient steps, in a process with one thread."""

import contextlib
import functools
import pathlib
import resource
import time
from collections.abc import Callable

import numpy as np

from benchmarks.studies.common.trainings import FRESH_SEED, Trained, Training, train_once
from benchmarks.studies.own_models.pieces import Outcome, Piece, Winner
from benchmarks.studies.own_models.searches import search
from benchmarks.studies.own_models.tuners import tune_catalogue, tune_with_hyperband, tune_with_optuna
from benchmarks.studies.own_tasks.splits import name_split

ARMS: dict[str, Callable[[Piece, pathlib.Path], Winner]] = {
    "search": search,
    "optuna": tune_with_optuna,
    "hyperband": tune_with_hyperband,
    "catalogue": tune_catalogue,
    "random": functools.partial(search, algorithm="random", start="none"),
    "adamw": functools.partial(tune_with_optuna, kinds=("AdamW",)),
}


def measure(piece: Piece, directory: pathlib.Path, fresh_seeds: int) -> Outcome:
    """Lets the arm find a winner, trains with it, and measures each fresh seed once on test data.

    Args:
      piece: The `Piece`.
      directory: The piece's own directory; a search that is stored there is resumed.
      fresh_seeds: Number of trainings.
    """
    is_continued = (directory / "run").exists()
    directory.mkdir(parents=True, exist_ok=True)
    began, before = time.perf_counter(), _processor_seconds()
    with open(directory / "output.txt", "a") as output, contextlib.redirect_stdout(output):
        winner = ARMS[piece.arm](piece, directory)
    wall, seconds = time.perf_counter() - began, _processor_seconds() - before
    trained = train_winner(piece, winner, fresh_seeds)
    scores, metrics = [one.score for one in trained], [one.metric for one in trained]
    curve = np.mean([one.curve for one in trained], axis=0).tolist()
    times = (None, None) if is_continued else (round(seconds, 1), round(wall, 1))
    return Outcome(winner, scores, metrics, curve, *times)


def train_winner(piece: Piece, winner: Winner, fresh_seeds: int) -> list[Trained]:
    """Trains with the winner of a piece and fresh seeds, on test data."""
    task, seeds = name_split(piece.task, piece.seed), range(FRESH_SEED, FRESH_SEED + fresh_seeds)
    how = winner.rule, winner.rate
    wanted = [Training(task, *how, s, winner.schedule, winner.weight_decay, on_test=True) for s in seeds]
    return [train_once(one, seeds=seeds) for one in wanted]


def _processor_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
