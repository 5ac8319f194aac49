"""Summarizes the trials of an experiment as JSON-serializable figures and as a table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import scipy.stats

from benchmarks.trials.arguments import has_name
from benchmarks.trials.comparison import find_choice, merit
from benchmarks.trials.experiment import Experiment
from benchmarks.trials.records import Record, Records
from benchmarks.trials.trials import Metric

LEAST_ROWS = 10  # of a rank correlation
Figures = Mapping[str, Mapping[str, Any]]


def summarize(experiment: Experiment, records: Records, contenders: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Contender -> the summary of its trials, as JSON-serializable figures."""
    choices = {name: find_choice(records, name, experiment.METRIC) for name in contenders}
    # Of any schedule, but without arguments, which make it another optimizer.
    candidates = {name: choice.final for name, choice in choices.items() if has_name(name, experiment.REFERENCE)}
    chosen = find_reference(experiment.METRIC, candidates)
    reference = candidates.get(chosen, [])
    return {
        name: dict(
            learning_rate=best.learning_rate,
            options=dict(best.options),
            trials=len(tuned),
            diverged_in_tuning=sum(r["diverged"] for r in tuned),
            diverged=sum(r["diverged"] for r in final),
            seeds=len(final),
            **{key: mean_and_deviation(_list_sound(final, key)) for key in ("best", *experiment.COLUMNS)},
            median=find_median(experiment.METRIC, final, next(iter(experiment.COLUMNS))),
            reference=chosen,
            **compare_steps(experiment.METRIC, final, reference),
            seconds=round(sum(r["seconds"] for r in (*tuned, *final))),
        )
        for name, (best, tuned, final) in choices.items()
    }


def _list_sound(records, key):
    """A result of the trainings that did not diverge; older records may lack it."""
    return [r[key] for r in records if not r["diverged"] and r.get(key) is not None]


def mean_and_deviation(values: Sequence[float]) -> Optional[list[float]]:
    """[mean, standard deviation] of values; [mean] of only one, and None of none."""
    if not values:
        return None
    return [statistics.fmean(values), *([statistics.stdev(values)] if len(values) > 1 else [])]


def find_median(metric: Metric, records: list[Record], key: str) -> Optional[float]:
    """The median of a result over all trainings, where one that diverged is the worst; None if that is the median."""
    median = statistics.median([merit(r, metric, key) for r in records] or [-math.inf])
    if math.isinf(median):
        return None
    return median if metric.larger_is_better else -median


def find_reference(metric: Metric, candidates: Mapping[str, list[Record]]) -> str:
    """The contender with the best mean validation, of those without a diverged training; "" if there is none."""
    sound = [name for name, records in candidates.items() if records and not any(r["diverged"] for r in records)]
    return max(sound, default="", key=lambda name: statistics.fmean(merit(r, metric) for r in candidates[name]))


def compare_steps(metric: Metric, final: list[Record], reference: list[Record]) -> dict[str, Any]:
    """The number of updates until the value that every run of the reference reached, and the speed-up over it."""
    if not reference:
        return dict(reached=None, steps=None, speed_up=None)
    target = min(reference, key=lambda r: merit(r, metric))["best"]
    steps, theirs = find_first_steps(metric, target, final), find_first_steps(metric, target, reference)
    mean = statistics.fmean(steps) if steps and None not in steps else None
    reached = sum(step is not None for step in steps)
    return dict(reached=reached, steps=mean, speed_up=mean and statistics.fmean(theirs) / mean)


def find_first_steps(metric: Metric, target: float, records: list[Record]) -> list[Optional[int]]:
    """The first step of each training whose validation is at least as good as the target; None if there is none.

    There is none in a training that diverged, even if it was as good before.
    """
    curves = [[] if record["diverged"] else record["curve"] for record in records]
    return [next((step for step, value in curve if metric.is_reached(value, target)), None) for curve in curves]


def make_table(experiment: Experiment, figures: Figures, data: str = "") -> str:
    """A Markdown table whose source is readable too.

    The paper's numbers stand beside it unless `data` names the user's own data. Means are those of the trainings that
    did not diverge. If a training with fresh seeds diverged, the table also has the medians of the first column over
    all trainings.
    """
    columns = experiment.COLUMNS
    known = set() if data else {key for row in experiment.PAPER.values() for key in row}
    paper = [key for key in columns if key in known]
    head = ["optimizer", "rate", *(heading for heading, _ in columns.values())]
    head += [f"paper: {columns[key][0]}" for key in paper]
    has_median = any(row["diverged"] for row in figures.values())
    head += ["median of all"] * has_median
    reference = next((row["reference"] for row in figures.values()), "") or experiment.REFERENCE
    head += [f"steps to the worst of `{reference}`", "speed-up", "diverged"]
    rows = [
        # A formula may have |v|.
        [cell.replace("|", r"\|") for cell in _make_row(experiment, name, row, paper, has_median)]
        for name, row in figures.items()
    ]
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(x.ljust(w) for x, w in zip(line, widths)) + " |" for line in lines)


def correlate(experiment: Experiment, figures: Figures) -> Optional[tuple[str, float, int]]:
    """How well the order of the contenders agrees with the paper's.

    Returns:
      The heading of the first column for which the paper has numbers, Spearman's rank correlation, and the number of
      contenders; None if fewer than `LEAST_ROWS` have a number in both.
    """
    for key, (heading, _) in experiment.COLUMNS.items():
        paper = {name: row[key] for name, row in experiment.PAPER.items() if key in row}
        both = [(figures[name][key][0], number) for name, number in paper.items() if figures.get(name, {}).get(key)]
        if len(both) >= LEAST_ROWS:
            return heading, float(scipy.stats.spearmanr(*zip(*both)).statistic), len(both)
    return None


def _make_row(experiment, name, row, paper, has_median):
    columns, published = experiment.COLUMNS, experiment.PAPER.get(name, {})
    options = "".join(f", {key} {value:.0e}" for key, value in row["options"].items() if value)
    cells = [f"`{name}`", f"{row['learning_rate']:.2g}{options}"]
    cells += [_make_cell(row[key], form) for key, (_, form) in columns.items()]
    cells += [format(published[key], columns[key][1]) if key in published else "" for key in paper]
    if has_median:
        median, (_, form) = row["median"], next(iter(columns.values()))
        cells.append(_make_cell(None if median is None else [median], form))
    steps = "–" if row["reached"] is None else f"{row['reached']} of {row['seeds']} reach it"
    if row["steps"] is not None:
        steps = f"{row['steps']:.0f}"
    speed_up = f"{row['speed_up']:.2f}" if row["speed_up"] else "–"
    diverged = f"{row['diverged_in_tuning']} of {row['trials']}, {row['diverged']} of {row['seeds']}"
    return [*cells, steps, speed_up, diverged]


def _make_cell(numbers, form):
    return "–" if numbers is None else " ± ".join(format(number, form) for number in numbers)
