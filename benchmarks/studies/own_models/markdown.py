"""The results for documents, as tables."""

import pathlib

import numpy as np

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.own_models.arms import ARMS
from benchmarks.studies.own_models.pieces import Piece, read_outcome
from benchmarks.studies.own_models.report import (
    LOSS,
    REFERENCE,
    SEARCH,
    WIN,
    Outcomes,
    compare,
    find_gains,
    find_step_ratios,
    geometric_mean,
    judge,
)
from benchmarks.studies.own_models.statistics import bootstrap_tasks
from benchmarks.studies.own_tasks import EIGHT, HELD_OUT
from neural_optimizer_search.plurals import count_of

TITLES = {
    SEARCH: "`nos-search`",
    "optuna": "Optuna",
    "hyperband": "Hyperband",
    "catalogue": "catalogue",
    "random": "random forms",
    "adamw": "AdamW alone",
}
_TUNER = "optuna"
_OTHERS = {
    _TUNER: "Optuna, over stock optimizers and Muon",
    "hyperband": "Hyperband, over the same",
    "catalogue": "the rules of the catalogue, each trained once, the best tuned",
    "random": "a search that draws forms at random, and tunes the best of them and the best known optimizers",
    "adamw": "AdamW alone, tuned",
}


def read_outcomes(path: pathlib.Path) -> Outcomes:
    """The outcomes that the study stored in a file."""
    kept = Kept(path, read_outcome, reads_only=True)
    return {Piece(*(of[name] for name in Piece._fields)): outcome for of, outcome in kept.items()}


def write_table(outcomes: Outcomes, trainings: int) -> str:
    """A row for each task: the score of the search, and how it compares with each other arm on shared splits.

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
        saved = [_write_step_ratio(outcomes, whole, arm, trainings) for arm in arms]
        rows.append(["steps of AdamW to the same score, as a multiple", *saved])
    for title, field in (("gradient steps", "steps"), ("processor time", "time")):
        ratios = [_write_ratio(outcomes, arm, trainings, field) for arm in arms]
        if any(ratios):
            rows.append([f"{title} of `nos-search`, as a multiple", *ratios])
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
        spread = f" ± {np.std(scores, ddof=1):.4f}" if len(scores) > 1 else ""
        return f"{np.mean(scores):.4f}{spread} ({len(scores)})" if scores else ""
    found = compare(outcomes, task, arm, trainings)
    if not found.splits:
        return ""
    spread = f"{found.low:.2f} to {found.high:.2f}, " if found.splits > 1 else ""
    return f"{found.difference:+.4f}, P {found.probability:.2f} ({spread}{found.splits})"


def _write_ratio(outcomes, arm, trainings, field):
    """The geometric mean over the tasks."""
    compared = [getattr(compare(outcomes, task, arm, trainings), field) for task in EIGHT if arm != SEARCH]
    ratios = [ratio for ratio in compared if ratio > 0]  # NaN where none is known
    return f"{geometric_mean(ratios):.2f}" if ratios else ""


def _write_step_ratio(outcomes, tasks, arm, trainings):
    """The geometric mean over the tasks, if the arm has them all."""
    by_task = [find_step_ratios(outcomes, task, arm, trainings) for task in tasks]
    return f"{geometric_mean(list(map(geometric_mean, by_task))):.2f}" if arm != REFERENCE and all(by_task) else ""


def _write_gain(by_task):
    mean, low, high = bootstrap_tasks(by_task, np.random.default_rng(0))
    return f"{mean:+.1%} ({100 * low:.1f} to {100 * high:.1f})"


def write_result(outcomes: Outcomes, trainings: int) -> str:
    """A table with the numbers of models on which the search is better than each other arm, level with it, and worse.

    Arms that were not measured are left out.
    """
    compared = {arm: {task: compare(outcomes, task, arm, trainings) for task in EIGHT} for arm in _OTHERS}
    measured = {arm: by_task for arm, by_task in compared.items() if any(one.splits for one in by_task.values())}
    rows = [["compared with", "better", "level", "worse", "comparisons per model"], ["---"] * 5]
    for arm, by_task in measured.items():
        rows.append([_OTHERS[arm], *_count_verdicts(by_task)])
        held_out = {task: by_task[task] for task in HELD_OUT if by_task[task].splits}
        if arm == _TUNER and held_out:
            what = f"the same, on the held-out models only ({count_of(len(held_out), 'model')})"
            rows.append([what, *_count_verdicts(held_out)])
    tasks = {piece.task for piece in outcomes if piece.trainings == trainings}
    fresh = max(len(outcome.scores) for outcome in outcomes.values())
    return (
        f"`nos-search` and other methods looked for an optimizer for each of {count_of(len(tasks), 'model')}, all "
        f"with the same budget of gradient steps ({trainings} trainings of the model). The table counts the models "
        "on which the winner of the search is better than that of the other method, level with it, or worse:\n\n"
        f"{_format(rows)}\n\n"
        "Better means that a training with its winner ends better with a probability P of at least "
        f"{WIN}; worse, that P is at most {LOSS}. Each comparison has its own data splits and seeds. Each winner was "
        f"trained {fresh} times with fresh seeds, and measured on test data. No choice was based on the held-out "
        "models."
    )


def _count_verdicts(compared):
    """The numbers of models on which the search is better, level and worse, and of comparisons per model, as text."""
    wins, losses, level = judge({task: one.probability for task, one in compared.items()})
    splits = sorted({one.splits for one in compared.values() if one.splits})
    repeats = " to ".join(map(str, dict.fromkeys([splits[0], splits[-1]])))
    return [*(str(len(tasks)) for tasks in (wins, level, losses)), repeats]
