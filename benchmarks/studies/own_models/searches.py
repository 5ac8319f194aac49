"""The arms that search: `nos-search` as a person would run it, with its defaults, and with random rules."""

import contextlib
import pathlib
from typing import Any

from benchmarks.studies.common.searches import run_search
from benchmarks.studies.own_models.pieces import Piece, Winner
from benchmarks.studies.own_models.trials import make_winner
from benchmarks.studies.own_tasks import full_name
from benchmarks.studies.own_tasks.splits import name_split
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.archive import read_archive
from neural_optimizer_search.search.config import BESIDE_ARCHIVE
from neural_optimizer_search.search.known_optimizers import THE_FIVE, find_known_optimizers
from neural_optimizer_search.search.ranking import SHOWN, Ranking, read_ranking
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.trials.setting import Setting

# A task -> that of the archive's searches which has the same data: what was found there is no start for it.
SAME_DATA = {
    **dict.fromkeys(("images", "resnet", "separable", "autoencoder"), "images"),
    **dict.fromkeys(("text", "transformer"), "text"),
    "table": "table",
}
# A part of the budget, a tenth, is for fresh seeds: of the ten best rules and the known optimizers.
TRAININGS_PER_FRESH_SEED = 160
CONTENDERS = SHOWN + len(find_known_optimizers(THE_FIVE))
# What is in work when the steps end is finished: of a search for settings at most four trials with three seeds. A
# search whose rules are swept may go further beyond.
LAST_TRIALS = 12


def search(piece: Piece, directory: pathlib.Path, **flags: Any) -> Winner:
    """Runs `nos-search` with so many gradient steps, those with fresh seeds included; its best is the winner."""
    task, run = name_split(piece.task, piece.seed), directory / "run"
    fresh = max(1, piece.trainings // TRAININGS_PER_FRESH_SEED)
    steps = (piece.trainings - CONTENDERS * fresh - LAST_TRIALS) * find_task(task).protocols["default"].final_steps
    given = dict(
        task=task,
        seed=piece.seed,
        cache="none",
        baselines=THE_FIVE,
        **{"start": _choose_start(piece.task, directory), **flags},
    )
    run_search(run, given, dict(steps=steps, fresh_seeds=fresh, workers=1))
    with contextlib.closing(Ledger(run / LEDGER, read_only=True)) as ledger:
        return _choose_winner(read_ranking(ledger), sum(ledger.count_steps().values()), ledger.counts()["trained"])


def _choose_start(task, directory):
    """What a search starts with by default, without rules of the archive that were found on the same data."""
    archive, found_on = read_archive(), full_name(SAME_DATA.get(task, task))
    rules = [one.rule.formula() for one in archive.rules if archive.searches[one.search]["task"] != found_on]
    path = directory / "start.txt"
    if not path.exists():
        path.write_text("\n".join(rules) + "\n")
    return (str(path), *BESIDE_ARCHIVE)


def _choose_winner(ranking: Ranking, steps: int, tried: int) -> Winner:
    """The best by the seeds of the search and the fresh ones together, known optimizers included."""
    compared = [one for one in (*ranking.known, *ranking.found) if one.fresh is not None]
    score, best = max(((_mean(one), one) for one in compared), key=lambda pair: pair[0])
    e = best.evaluation
    assert e.learning_rate is not None
    return make_winner(
        Setting(e.rule, e.learning_rate, parse_schedule(e.schedule), e.weight_decay), score, steps, tried
    )


def _mean(contender):
    rewards = [*contender.evaluation.rewards, *contender.fresh.rewards]
    return sum(rewards) / len(rewards)
