"""The results as tables and figures, in which losses are as visible as wins."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.own_models.pieces import Outcome, Piece
from benchmarks.studies.own_models.statistics import bootstrap_tasks, find_improvement, find_step_ratio
from benchmarks.studies.own_tasks import HELD_OUT

SEARCH, REFERENCE = "search", "adamw"
WIN, LOSS = 0.75, 0.25  # the least probability of improvement that is a win, and the greatest that is a loss

Outcomes = Mapping[Piece, Outcome]


class Comparison(NamedTuple):
    """A comparison of the search with another arm on a task, over the splits that both have.

    Attributes:
      probability: Probability that a training with the search's winner ends better, the mean over splits.
      low, high: The lowest and the highest of a split; there are too few splits for an interval.
      difference: How much higher the score of the search's winner is, the mean over splits.
      steps: How many times the gradient steps of the arm the search took, the geometric mean over splits.
      time: How many times the processor time of the arm the search took, likewise.
      splits: Number of splits that both have.
    """

    probability: float
    low: float
    high: float
    difference: float
    steps: float
    time: float
    splits: int


def compare(outcomes: Outcomes, task: str, arm: str, trainings: int) -> Comparison:
    """The `Comparison` of the search and an arm on a task; each split has the same weight."""
    others = _pick(outcomes, task, arm, trainings)
    beside = ((outcomes.get(piece._replace(arm=SEARCH)), outcomes[piece]) for piece in others)
    both = [(own, other) for own, other in beside if own]
    if not both:
        return Comparison(*[math.nan] * 6, splits=0)
    chances = [find_improvement(own.scores, other.scores) for own, other in both]
    difference = float(np.mean([np.mean(own.scores) - np.mean(other.scores) for own, other in both]))
    measured = [(own.seconds, other.seconds) for own, other in both if own.seconds and other.seconds]
    time = geometric_mean([own / other for own, other in measured])
    steps = geometric_mean([own.winner.steps / other.winner.steps for own, other in both])
    return Comparison(*mean_and_range(chances), difference, steps, time, len(both))


def mean_and_range(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean, the lowest and the highest value."""
    return float(np.mean(values)), float(min(values)), float(max(values))


def judge(chances: Mapping[str, float]) -> tuple[list[str], list[str], list[str]]:
    """Which probabilities of improvement, by name, are wins, losses and neither; NaN is in none of the lists."""
    wins = [name for name, chance in chances.items() if chance >= WIN]
    losses = [name for name, chance in chances.items() if chance <= LOSS]
    return wins, losses, [name for name, chance in chances.items() if LOSS < chance < WIN]


def summarize(outcomes: Outcomes, trainings: int) -> dict[str, Any]:
    """Prints the tables of a budget; returns its figures.

    Args:
      outcomes: The outcomes, by piece.
      trainings: The budget.
    """
    tasks = _order(piece.task for piece in outcomes if piece.trainings == trainings)
    arms = _order(piece.arm for piece in outcomes if piece.trainings == trainings)
    figures: dict[str, Any] = {}
    print(
        f"\n{trainings} trainings: score on test data at the end (range over splits); the probability that a training"
    )
    print(
        "with the search's winner ends better (range over splits); how many times as many steps AdamW needs; minutes"
    )
    print("of processor time, and minutes that it took beside what else ran")
    for task in tasks:
        print(f"\n{task}{' (held out)' if task in HELD_OUT else ''}")
        titles = f"{'splits':>7s}{'score':>28s}{'P(search better)':>26s}{'steps':>8s}{'minutes':>9s}{'took':>7s}"
        print(f"{'':10s}{titles}  winners")
        figures[task] = {arm: _describe(outcomes, task, arm, trainings) for arm in arms}
        for arm, row in figures[task].items():
            if row:
                _print_row(arm, row)
    return figures


def _describe(outcomes, task, arm, trainings) -> dict[str, Any]:
    found = [outcomes[piece] for piece in _pick(outcomes, task, arm, trainings)]
    if not found:
        return {}
    means = [float(np.mean(one.scores)) for one in found]
    row = dict(scores=means, mean=mean_and_range(means))
    row |= dict(diverged=sum(metric is None for one in found for metric in one.metrics))
    row |= dict(minutes=_mean_minutes(one.seconds for one in found), took=_mean_minutes(one.wall for one in found))
    row |= dict(winners=[one.winner for one in found])
    if arm != SEARCH:
        row |= dict(improvement=compare(outcomes, task, arm, trainings)._asdict())
    if ratios := find_step_ratios(outcomes, task, arm, trainings):
        row |= dict(step_ratio=geometric_mean(ratios))
    return row


def _mean_minutes(seconds):
    known = [value for value in seconds if value is not None]
    return float(np.mean(known)) / 60 if known else math.nan


def find_step_ratios(outcomes: Outcomes, task: str, arm: str, trainings: int) -> list[float]:
    """How many times the steps of the arm's winner tuned AdamW needs to reach the same score, on each split."""
    own = _pick(outcomes, task, arm, trainings)
    both = [(outcomes[one], outcomes.get(one._replace(arm=REFERENCE))) for one in own]
    return [find_step_ratio(mine.curve, adamw.curve) for mine, adamw in both if adamw]


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers; NaN if there are none."""
    return float(np.exp(np.mean(np.log(values)))) if len(values) else math.nan


def _print_row(arm, row):
    mean, low, high = row["mean"]
    chance = row.get("improvement")
    shown = "" if not chance else f"{chance['probability']:.2f} ({chance['low']:.2f} to {chance['high']:.2f})"
    ratio = f"{row['step_ratio']:.2f}" if "step_ratio" in row else ""
    diverged = f", {row['diverged']} diverged" if row["diverged"] else ""
    score = f"{mean:.4f} ({low:.4f} to {high:.4f})"
    names = "; ".join(dict.fromkeys(one.rule for one in row["winners"]))
    cells = f"{len(row['scores']):7d}{score:>28s}{shown:>26s}{ratio:>8s}{row['minutes']:9.1f}{row['took']:7.1f}"
    print(f"{arm:10s}{cells}  {names:.100}{diverged}")


# -- Over tasks ------------------------------------------------------------------------------------


def find_gains(outcomes: Outcomes, trainings: int) -> dict[str, dict[str, list[float]]]:
    """Arm -> task -> for each split, the share of tuned AdamW's error that the arm removes.

    This is (s - a) / (1 - a), for the mean scores s of the arm and a of tuned AdamW on the same split; splits without
    AdamW, or where it leaves no error, are left out.
    """
    gains: dict[str, dict[str, list[float]]] = {}
    for piece, outcome in outcomes.items():
        adamw = outcomes.get(piece._replace(arm=REFERENCE))
        if piece.trainings == trainings and adamw and piece.arm != REFERENCE:
            reference = float(np.mean(adamw.scores))
            if reference < 1.0:
                gain = (float(np.mean(outcome.scores)) - reference) / (1.0 - reference)
                gains.setdefault(piece.arm, {}).setdefault(piece.task, []).append(gain)
    return gains


def summarize_tasks(outcomes: Outcomes, trainings: int) -> dict[str, Any]:
    """Prints the figures over all tasks; returns those for the last line of the output."""
    tasks = _order(piece.task for piece in outcomes if piece.trainings == trainings)
    others = [arm for arm in _order(piece.arm for piece in outcomes) if arm not in (SEARCH, REFERENCE)]
    gains = find_gains(outcomes, trainings)
    print(f"\nOver {len(tasks)} tasks, {trainings} trainings: the part of tuned AdamW's error that is removed")
    print(f"{'':10s}{'interquartile mean':>28s}")
    iqm = {}
    for arm, by_task in gains.items():
        iqm[arm] = bootstrap_tasks(by_task, np.random.default_rng(0))
        mean, low, high = iqm[arm]
        print(f"{arm:10s}{f'{mean:+.4f} ({low:+.4f} to {high:+.4f})':>28s}")
    figures: dict[str, Any] = dict(iqm=iqm)
    for arm in others:
        wins, losses, between = judge({task: compare(outcomes, task, arm, trainings).probability for task in tasks})
        figures |= {f"wins_vs_{arm}": wins, f"losses_vs_{arm}": losses}
        words = (f"{', '.join(names) or 'none'}" for names in (wins, losses, between))
        print("The search against {}: wins {}; losses {}; between {}".format(arm, *words))
    each = [find_step_ratios(outcomes, task, SEARCH, trainings) for task in tasks]
    figures["step_ratio_geomean"] = ratio = geometric_mean([geometric_mean(one) for one in each if one])
    if not math.isnan(ratio):
        print(f"AdamW needs {ratio:.2f} times as many steps to the same score (geometric mean over tasks)")
    return figures


def find_means_by_budget(outcomes: Outcomes, task: str) -> dict[str, dict[int, float]]:
    """Arm -> budget -> the mean score on a task.

    The level of the scores differs between splits, so only those splits count that all measured pairs of an arm and a
    budget have.
    """
    own: dict[str, dict[int, dict[int, float]]] = {}
    for piece, outcome in outcomes.items():
        if piece.task == task:
            scores = own.setdefault(piece.arm, {}).setdefault(piece.trainings, {})
            scores[piece.seed] = float(np.mean(outcome.scores))
    measured = [set(scores) for by_budget in own.values() for scores in by_budget.values()]
    shared = set.intersection(*measured) if measured else set()
    return {
        arm: {budget: float(np.mean([scores[one] for one in shared])) for budget, scores in sorted(by_budget.items())}
        for arm, by_budget in own.items()
        if shared
    }


def summarize_budgets(outcomes: Outcomes, task: str) -> dict[str, Any]:
    """Prints the scores of each arm on a task by budget; returns them and the budget from which the search pays."""
    budgets = sorted({piece.trainings for piece in outcomes if piece.task == task})
    means = find_means_by_budget(outcomes, task)
    print(f"\n{task}: score on test data by budget, in trainings, on the splits that all have")
    print(f"{'':10s}" + "".join(f"{budget:>10,d}" for budget in budgets))
    for arm, by_budget in means.items():
        print(f"{arm:10s}" + "".join(f"{by_budget.get(budget, math.nan):10.4f}" for budget in budgets))
    tuners = [arm for arm in _order(piece.arm for piece in outcomes) if arm not in (SEARCH, "random")]
    wins = [budget for budget in budgets if all(_wins(outcomes, task, tuners, b) for b in budgets if b >= budget)]
    pays = min(wins, default=None)
    print(f"From {pays:,} trainings on" if pays else "With no budget", end=" ")
    print(f"the search wins against each tuner (with a probability of {WIN} or more).")
    return dict(task=task, means=means, pays_from=pays)


def _wins(outcomes, task, tuners, trainings):
    """Whether the search wins against each tuner with a budget; not if a tuner was not measured with it."""
    chances = [compare(outcomes, task, arm, trainings).probability for arm in tuners]
    return bool(chances) and all(chance >= WIN for chance in chances)


def _pick(outcomes, task, arm, trainings):
    return sorted(p for p in outcomes if (p.task, p.arm, p.trainings) == (task, arm, trainings))


def _order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
