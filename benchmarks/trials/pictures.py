"""Plots of an experiment, drawn from its records."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.plotting import STYLES, close_figure, make_figure, save_figure
from benchmarks.trials.comparison import find_choice
from benchmarks.trials.experiment import Experiment
from benchmarks.trials.records import Records

LEGEND_ROW = 0.17  # the height of a contender in the legend, in inches
COLORS = 10  # Matplotlib's own cycle
BANDS = 8  # more bands in one plot could not be told apart


@dataclass(frozen=True)
class Plot:
    """The data that a plotting function gets in addition to the axes.

    Attributes:
      experiment: The experiment.
      records: Its records.
      figures: Contender -> its figures from `summarize`.
      styles: Contender -> line style and colour.
    """

    experiment: Experiment
    records: Records
    figures: Mapping[str, Mapping[str, Any]]
    styles: Mapping[str, Mapping[str, str]]


def draw(plot: Plot, stem: pathlib.Path) -> dict[str, pathlib.Path]:
    """Writes the plots of an experiment to STEM-WORD.png; returns title -> path.

    Plots of data that older records lack are left out.
    """
    pictures: dict[str, tuple[str, Callable]] = {
        "Validation during training": ("curves", plot_curves),
        "Sensitivity to the learning rate": ("rates", plot_sensitivity),
        **plot.experiment.PICTURES,
    }
    paths = {}
    for title, (word, draw_axes) in pictures.items():
        figure, axes = make_figure(width=8.5, height=max(4.5, LEGEND_ROW * len(plot.styles)))
        draw_axes(axes, plot)
        if not axes.has_data():
            close_figure(figure)
            continue
        axes.set_title(f"{plot.experiment.TITLE}: {title[0].lower()}{title[1:]}", fontsize=9)
        axes.legend(*order_legend(axes), fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0))
        paths[title] = stem.with_name(f"{stem.name}-{word}.png")
        save_figure(figure, paths[title])
    return paths


def order_legend(axes: Any) -> tuple[list[Any], list[str]]:
    """The lines and labels of a legend; if lines share colours, from the highest last point to the lowest."""
    lines, labels = axes.get_legend_handles_labels()
    if len(lines) <= COLORS:
        return lines, labels
    places = sorted(
        range(len(lines)), key=lambda i: np.nan_to_num(lines[i].get_ydata()[-1], nan=-np.inf), reverse=True
    )
    return [lines[i] for i in places], [labels[i] for i in places]


def choose_styles(contenders: Sequence[str]) -> dict[str, dict[str, str]]:
    """Contender -> line style and colour."""
    return {
        c: dict(linestyle=STYLES[i // COLORS % len(STYLES)], color=f"C{i % COLORS}") for i, c in enumerate(contenders)
    }


def plot_curves(axes: Any, plot: Plot) -> None:
    """Plots the validation curves of the trials at the chosen rate."""
    plot_means(axes, plot, "curve", plot.experiment.METRIC.name)
    if not plot.experiment.METRIC.larger_is_better:
        axes.set_yscale("log")


def plot_means(axes: Any, plot: Plot, key: str, what: str) -> None:
    """Plots means over the trials at the chosen rate; the bands range from the lowest to the highest trial.

    Args:
      axes: Matplotlib axes.
      plot: The data.
      key: Key of a curve in the records, [[step, value], ...]; records without it are left out.
      what: Name of the values.
    """
    for name, style in plot.styles.items():
        final = find_choice(plot.records, name, plot.experiment.METRIC).final
        sound = [r[key] for r in final if not r["diverged"] and r.get(key)]
        if not sound:
            continue
        steps = [step for step, _ in sound[0]]
        values = np.array([[value for _, value in curve] for curve in sound], float)
        axes.plot(steps, values.mean(axis=0), label=name, **style)
        if len(plot.styles) <= BANDS:
            band = values.min(axis=0), values.max(axis=0)
            axes.fill_between(steps, *band, alpha=0.15, color=style["color"], linewidth=0)
    axes.set(xlabel="weight updates", ylabel=what)


# For the `PICTURES` of experiments for which the paper shows test curves.
TEST_CURVES = {
    "Test during training": ("test", functools.partial(plot_means, key="test_curve", what="test accuracy"))
}


def plot_sensitivity(axes: Any, plot: Plot) -> None:
    """Plots the best validation of the tuning trials against the learning rate; diverged trials have no point."""
    metric, shown = plot.experiment.METRIC, []
    for name, style in plot.styles.items():
        by_rate = {}
        for r in find_choice(plot.records, name, metric).tuned:
            if not r["diverged"]:
                by_rate.setdefault(r["learning_rate"], []).append(r["best"])
        points = sorted((rate, metric.best(values)) for rate, values in by_rate.items())
        if points:
            axes.plot(*zip(*points), label=name, marker="o", markersize=3, **style)
            shown += [value for _, value in points]
    axes.set(xscale="log", xlabel="learning rate", ylabel=f"best {metric.name}, one seed")
    if shown and not metric.larger_is_better:
        axes.set_yscale("log")
        # A perplexity of 10^24 would squash all other curves.
        axes.set_ylim(0.5 * min(shown), min(2 * max(shown), 10 * np.quantile(shown, 0.75)))
