"""Pictures of performance profiles, and of scores by budget."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.plotting import make_figure, save_figure
from benchmarks.studies.own_models.markdown import TITLES
from benchmarks.studies.own_models.pieces import Outcome, Piece
from benchmarks.studies.own_models.report import SEARCH, find_gains, find_means_by_budget
from benchmarks.studies.own_models.statistics import find_profile


def draw(outcomes: Mapping[Piece, Outcome], budgets: Sequence[int], directory: pathlib.Path) -> None:
    """Writes the performance profile of each budget, and the curve over budgets of each task that has several."""
    for trainings in budgets:
        gains = find_gains(outcomes, trainings)
        if gains:
            _draw_profile(gains, trainings, directory / f"own_models-{trainings}.png")
    for task in sorted({piece.task for piece in outcomes}):
        means = find_means_by_budget(outcomes, task)
        if max(map(len, means.values()), default=0) > 1:
            _draw_budgets(means, task, directory / f"own_models-{task}-budgets.png")


def _rank(item):
    return list(TITLES).index(item[0])


def _style(arm):
    """A method has the same colour in all pictures."""
    color = f"C{list(TITLES).index(arm)}"
    return dict(label=TITLES[arm].replace("`", ""), color=color, linewidth=2 if arm == SEARCH else 1.2)


def _draw_budgets(means, task, path):
    figure, axes = make_figure(width=7, height=4.5)
    for arm, by_budget in sorted(means.items(), key=_rank):
        axes.plot(list(by_budget), list(by_budget.values()), marker="o", markersize=4, **_style(arm))
    budgets = sorted({budget for by_budget in means.values() for budget in by_budget})
    axes.set(xscale="log", xlabel="budget, in trainings", ylabel="mean score on test data")
    axes.set_xticks(budgets, [f"{budget:,}" for budget in budgets])
    axes.minorticks_off()
    axes.set_title(f"Winners on the model {task}, by budget", fontsize=10)
    axes.legend(fontsize=8)
    save_figure(figure, path)


def _draw_profile(gains, trainings, path):
    every = {arm: [gain for of_task in by_task.values() for gain in of_task] for arm, by_task in gains.items()}
    low, high = (bound(list(map(bound, every.values()))) for bound in (min, max))
    levels = np.linspace(max(low, -0.5), high, 400)
    figure, axes = make_figure(width=7, height=4.5)
    for arm, values in sorted(every.items(), key=_rank):
        axes.plot(levels, find_profile(values, levels), **_style(arm))
    axes.axvline(0.0, color="gray", linewidth=0.7, linestyle="--")
    axes.annotate("tuned AdamW", (0.0, 0.02), fontsize=8, color="gray")
    axes.set(
        xlabel="part of tuned AdamW's error that is removed", ylabel="share of runs that reach it", ylim=(0, 1.02)
    )
    axes.set_title(f"Winners of {trainings} trainings on {len(next(iter(gains.values())))} models", fontsize=10)
    axes.legend(fontsize=8)
    save_figure(figure, path)
