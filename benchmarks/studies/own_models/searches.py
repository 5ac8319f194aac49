"""The arms that search: `nos-search` with its defaults, as a user would run it, and with random rules."""

import contextlib
import pathlib
from typing import Any, Optional

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.searches import run_search
from benchmarks.studies.own_models.pieces import Piece, Winner
from benchmarks.studies.own_models.trials import make_winner
from benchmarks.studies.own_tasks import full_name, name_data
from benchmarks.studies.own_tasks.splits import name_split
from neural_optimizer_search.files import write_whole
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.archive import BESIDE_ARCHIVE, read_archive
from neural_optimizer_search.search.known_optimizers import THE_FIVE, find_known_optimizers
from neural_optimizer_search.search.ranking import SHOWN, Ranking, read_ranking
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.trials.setting import Setting

# A tenth of the budget is for fresh seeds, of the ten best rules and the known optimizers.
TRAININGS_PER_FRESH_SEED = 160
CONTENDERS = SHOWN + len(find_known_optimizers(THE_FIVE))
# Trials in progress when the steps run out are finished: in a search for settings, at most four with three seeds. A
# search that sweeps its rules may exceed the budget by more.
LAST_TRIALS = 12


def search(piece: Piece, directory: pathlib.Path, **flags: Any) -> Winner:
    """Runs `nos-search` within the budget, fresh seeds included; its best rule is the winner.

    Raises:
      StudyFailed: If the search fails, or no rule was trained to its end.
    """
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
        ranking, spent, tried = read_ranking(ledger), sum(ledger.count_steps().values()), ledger.counts()["trained"]
    if (winner := _choose_winner(ranking, spent, tried)) is None:
        raise StudyFailed(f"{piece.describe()} trained no rule to its end; more --trainings may help")
    return winner


def _choose_start(task, directory):
    """The default start of a search, without rules of the archive that were found on the same data."""
    archive, data = read_archive(), name_data(full_name(task))
    rules = [one.rule.formula() for one in archive.rules if name_data(archive.searches[one.search]["task"]) != data]
    path = directory / "start.txt"
    write_whole(path, lambda unfinished: unfinished.write_text("\n".join(rules) + "\n"))
    return (str(path), *BESIDE_ARCHIVE)


def _choose_winner(ranking: Ranking, steps: int, tried: int) -> Optional[Winner]:
    """The best rule by the seeds of the search and the fresh ones together, known optimizers included, if any."""
    compared = [one for one in (*ranking.known, *ranking.found) if one.fresh is not None]
    if not compared:
        return None
    score, best = max(((_mean(one), one) for one in compared), key=lambda pair: pair[0])
    e = best.evaluation
    assert e.learning_rate is not None
    return make_winner(
        Setting(e.rule, e.learning_rate, parse_schedule(e.schedule), e.weight_decay), score, steps, tried
    )


def _mean(contender):
    rewards = [*contender.evaluation.rewards, *contender.fresh.rewards]
    return sum(rewards) / len(rewards)
