"""The results for documents: a table and a sentence."""

import pathlib

import numpy as np

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.own_models.arms import ARMS
from benchmarks.studies.own_models.pieces import Piece, read_outcome
from benchmarks.studies.own_models.report import (
    LOSS,
    SEARCH,
    WIN,
    Outcomes,
    compare,
    find_gains,
    geometric_mean,
    judge,
)
from benchmarks.studies.own_models.statistics import interquartile_mean
from benchmarks.studies.own_tasks import EIGHT, HELD_OUT
from neural_optimizer_search.plurals import count_of

TITLES = {
    SEARCH: "`nos-search`",
    "optuna": "Optuna",
    "hyperband": "Hyperband",
    "catalogue": "catalogue",
    "random": "random rules",
    "adamw": "AdamW alone",
}


_OTHERS = {
    "catalogue": "the catalogue, whose rules are each trained once before the best is tuned",
    "random": "a search that tries random rules only",
}


def read_outcomes(path: pathlib.Path) -> Outcomes:
    """The outcomes that the study stored in a file."""
    kept = Kept(path, read_outcome, reads_only=True)
    return {Piece(*(of[name] for name in Piece._fields)): outcome for of, outcome in kept.items()}


def write_table(outcomes: Outcomes, trainings: int) -> str:
    """A row for each task: the mean score of the search, and how it compares with each other arm on shared splits.

    The means of the other arms are left out: they are of other splits, so they cannot be compared.
    """
    arms = [arm for arm in ARMS if any((p.arm, p.trainings) == (arm, trainings) for p in outcomes)]
    rows = [["model", *(TITLES[arm] for arm in arms)], ["---"] * (len(arms) + 1)]
    for task in EIGHT:
        cells = [_write_cell(outcomes, task, arm, trainings) for arm in arms]
        if any(cells):
            rows.append([task + (" (held out)" if task in HELD_OUT else ""), *cells])
    gains = find_gains(outcomes, trainings)
    # Only of an arm with all models: on some of them there is more to remove than on others.
    whole = gains.get(SEARCH, {}).keys()
    means = [_write_gain(gains[arm]) if arm in gains and gains[arm].keys() >= whole else "" for arm in arms]
    if any(means):
        rows.append(["part of AdamW's error that it removes", *means])
    times = [_write_time(outcomes, arm, trainings) for arm in arms]
    if any(times):
        rows.append(["processor time of `nos-search`, as a multiple", *times])
    return _format(rows)


def write_budgets(outcomes: Outcomes, task: str) -> str:
    """A row for each budget of the search on a task, with cells as in `write_table`.

    Outer seeds that the search does not have with every budget are left out.
    """
    budgets = sorted({p.trainings for p in outcomes if (p.task, p.arm) == (task, SEARCH)})
    seeds = set.intersection(
        *({p.seed for p in outcomes if p[:3] == (task, SEARCH, trainings)} for trainings in budgets)
    )
    shown = {piece: outcome for piece, outcome in outcomes.items() if piece.task == task and piece.seed in seeds}
    arms = [arm for arm in ARMS if any(piece.arm == arm for piece in shown)]
    rows = [["trainings", *(TITLES[arm] for arm in arms)], ["---"] * (len(arms) + 1)]
    rows += [[f"{budget:,}", *(_write_cell(shown, task, arm, budget) for arm in arms)] for budget in budgets]
    return _format(rows)


def _format(rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _write_cell(outcomes, task, arm, trainings):
    if arm == SEARCH:
        scores = [np.mean(o.scores) for p, o in outcomes.items() if p[:3] == (task, arm, trainings)]
        return f"{np.mean(scores):.4f} ({len(scores)})" if scores else ""
    found = compare(outcomes, task, arm, trainings)
    if not found.splits:
        return ""
    spread = f"{found.low:.2f} to {found.high:.2f}, " if found.splits > 1 else ""
    return f"{found.difference:+.4f}, P {found.probability:.2f} ({spread}{found.splits})"


def _write_time(outcomes, arm, trainings):
    """The geometric mean over the tasks."""
    compared = [compare(outcomes, task, arm, trainings) for task in EIGHT if arm != SEARCH]
    ratios = [one.time for one in compared if one.time > 0]  # NaN where none is known
    return f"{geometric_mean(ratios):.2f}" if ratios else ""


def _write_gain(by_task):
    return f"{interquartile_mean(np.concatenate(list(by_task.values()))):+.1%}"


def write_result(outcomes: Outcomes, trainings: int) -> str:
    """Sentences with the numbers of models on which the search is better than Optuna, level with it, and worse.

    The last are on the rules of the catalogue and on random rules, if these were measured.
    """
    compared = {task: compare(outcomes, task, "optuna", trainings) for task in EIGHT}
    wins, losses, level = _count_verdicts(compared)
    better, worse, even = _count_verdicts({task: compared[task] for task in HELD_OUT})
    fresh = max(len(outcome.scores) for outcome in outcomes.values())
    return (
        f"With the same number of gradient steps ({trainings} trainings of the model), what `nos-search` found was "
        f"better than what Optuna found among stock optimizers and Muon on {wins} of {wins + losses + level} models, "
        f"level with it on {level}, and worse on {losses}. On the models that were held out, on which no choice was "
        "based, it was better on {}, level on {} and worse on {}. ".format(better, even, worse)
        + f"Better means that a training with its winner ends better with a probability P of at least {WIN}, and "
        f"worse that P is at most {LOSS}. Each comparison was made {_count_repeats(compared)} with other data splits "
        f"and seeds; each winner was trained {fresh} times with fresh seeds, and measured on test data."
        + "".join(_write_other(outcomes, arm, trainings) for arm in _OTHERS)
    )


def _write_other(outcomes, arm, trainings):
    compared = {task: compare(outcomes, task, arm, trainings) for task in EIGHT}
    wins, losses, level = _count_verdicts(compared)
    if not wins + losses + level:
        return ""
    return (
        f" Against {_OTHERS[arm]}, `nos-search` was better on {wins} of {wins + losses + level} models, level on "
        f"{level}, and worse on {losses} (each compared {_count_repeats(compared)})."
    )


def _count_verdicts(compared):
    """The numbers of wins, losses and others."""
    return map(len, judge({task: one.probability for task, one in compared.items()}))


def _count_repeats(compared):
    splits = sorted({one.splits for one in compared.values() if one.splits})
    return f"{splits[0]} to {splits[-1]} times" if len(splits) > 1 else count_of(splits[0], "time")
