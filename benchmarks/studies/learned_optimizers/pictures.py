"""Pictures of learned and hand-made optimizers, as in Figures 1 to 5 of Li & Malik (2017)."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.plotting import STYLES, make_figure, save_figure
from benchmarks.studies.learned_optimizers.comparison import Comparison
from neural_optimizer_search.l2o.trajectories import Trajectories

# What a learned optimizer is drawn with: the rules that were discovered, and the two that they are measured by.
RULES = ("powersign", "addsign", "momentum", "adam")


def draw_comparisons(
    comparisons: Sequence[Comparison], learned: str, fixed: Sequence[str], directory: pathlib.Path
) -> None:
    """Writes a picture for each comparison: mean margins with fixed steps, with all, and two functions.

    Args:
      comparisons: The comparisons, one per family.
      learned: Name of the learned optimizer.
      fixed: Names of those with fixed steps.
      directory: Where the pictures go.
    """
    for comparison in comparisons:
        names = [learned, *(name for name in comparison.values if name != learned)]
        styles = {name: _choose_style(i) for i, name in enumerate(names)}
        figure, axes = make_figure(1, 4, width=18, height=4.2)
        _plot_margins(axes[0], comparison, [learned, *fixed], styles, "fixed steps")
        _plot_margins(axes[1], comparison, names, styles, "all")
        for number in (0, 1):
            _plot_values(axes[2 + number], comparison, number, learned, styles)
        axes[1].legend(fontsize=6, ncols=2)
        axes[0].legend(fontsize=7)
        save_figure(figure, directory / f"learned_optimizers-{_spell_file(comparison.title)}.png")


def draw_rules(curves: Mapping[str, Mapping[str, np.ndarray]], learned: str, directory: pathlib.Path) -> None:
    """Writes one picture with discovered rules and learned optimizers on the same functions.

    Each family has axes with the mean value after each iteration; the band of the learned optimizer is from the
    lowest to the highest of its seeds.

    Args:
      curves: Family -> optimizer -> mean values `[seeds, T + 1]`. A family with other data than in training, whose
        name has a comma, is left out.
      learned: Name of the learned optimizer.
      directory: Where the picture goes; there is none without families.
    """
    families = {name: values for name, values in curves.items() if "," not in name}
    if not families:
        return
    figure, axes = make_figure(1, len(families), width=4.5 * len(families), height=4.2)
    for axis, (family, values) in zip(np.ravel(axes), families.items()):
        names = [name for name in (learned, *RULES) if name in values]
        for i, name in enumerate(names):
            _plot_mean(axis, values[name], name, _choose_style(i))
        lowest = min(values[name][:, 1:].min() for name in names)
        axis.set(title=family, xlabel="iteration", ylabel="mean value")
        axis.set(xscale="log", yscale="log", ylim=_frame(lowest, values[learned][:, 1].mean()))
    np.ravel(axes)[0].legend(fontsize=7)
    save_figure(figure, directory / "learned_optimizers-rules.png")


def _plot_mean(axis, values, name, style):
    iterations, values = np.arange(1, values.shape[1]), values[:, 1:]
    axis.plot(iterations, values.mean(axis=0), label=name, **style)
    axis.fill_between(iterations, values.min(axis=0), values.max(axis=0), alpha=0.2, color=style["color"])


def draw_ways(objectives: Any, ways: Mapping[str, Trajectories], directory: pathlib.Path) -> None:
    """Writes a picture of the trajectories on functions of two variables (Figure 4).

    Each function has a pair of axes: its values at each iteration, and the iterates over its contours.

    Args:
      objectives: F functions.
      ways: Optimizer -> `Trajectories` of one run on each.
      directory: Where the picture goes.
    """
    rows = -(-len(objectives) // 2)
    figure, axes = make_figure(rows, 4, width=18, height=4.2 * rows)
    styles = {name: _choose_style(i) for i, name in enumerate(ways)}
    for number, (curve, contours) in enumerate(np.reshape(axes, [-1, 2])[: len(objectives)]):
        _plot_descents(curve, number, ways, styles)
        _plot_ways(contours, objectives, number, ways, styles)
    axes.flat[0].legend(fontsize=7)
    save_figure(figure, directory / "learned_optimizers-trajectories.png")


def _plot_descents(axis, number, ways, styles):
    values = {name: way.values[number, 0] for name, way in ways.items()}
    for name, one in values.items():
        axis.plot(one, label=name, **styles[name])
    lowest = min(np.nanmin(one) for one in values.values())
    axis.set(
        title=f"({chr(ord('a') + number)}) value",
        xlabel="iteration",
        ylim=_frame(lowest, next(iter(values.values()))[0]),
    )
    axis.set_yscale("log")


def _plot_ways(axis, objectives, number, ways, styles):
    points = np.concatenate([way.iterates[number, 0] for way in ways.values()])
    points = points[np.isfinite(points).all(axis=-1)]
    low, high = np.quantile(points, (0.02, 0.98), axis=0)
    margin = 0.3 * (high - low) + 0.3
    x, y = np.meshgrid(*(np.linspace(a, b, 80) for a, b in zip(low - margin, high + margin)))
    grid = np.stack([x.ravel(), y.ravel()], axis=-1)
    values = objectives[number].values_and_gradients(grid[None])[0].reshape(x.shape)
    axis.contourf(x, y, np.log(values), levels=20, cmap="Greys", alpha=0.5)  # darker is higher
    for name, way in ways.items():
        axis.plot(*way.iterates[number, 0].T, marker="o", markersize=2, **styles[name])
    axis.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), title=f"({chr(ord('a') + number)}) iterates")
    axis.set(xlabel="w", ylabel="b")


def _frame(lowest, first):
    """Axis limits: from a little below the lowest value to a little above the first."""
    return 0.95 * lowest, 1.1 * first


def _plot_margins(axis, comparison, names, styles, title):
    found = comparison.margins([name for name in names if name != names[0]])
    for name, margin in found.items():
        steps, mean = np.arange(margin.shape[1]), margin.mean(axis=0)
        axis.plot(steps, mean, label=name, **styles[name])
        axis.fill_between(steps, margin.min(axis=0), margin.max(axis=0), alpha=0.2, color=styles[name]["color"])
    # Those that diverge leave the picture, as they do in the paper's, whose limits are -0.2 and 0.1.
    best = max(1e-6, *(float(margin.mean(axis=0).max()) for margin in found.values()))
    axis.set(title=f"{comparison.title}: mean margin of victory, {title}", xlabel="iteration")
    axis.set(ylim=(-2 * best, 1.1 * best))


def _plot_values(axis, comparison, number, learned, styles):
    for name, style in styles.items():
        values = comparison.values[name][0, number] if name == learned else comparison.values[name][number]
        axis.plot(values, label=name, **style)
    ours = comparison.values[learned][0, number]
    axis.set(title=f"a function's value ({number + 1})", xlabel="iteration", ylim=_frame(np.nanmin(ours), ours[0]))
    axis.set_yscale("log")


def _choose_style(i):
    return dict(linestyle=STYLES[(i // 4) % len(STYLES)], color=f"C{i % 10}", linewidth=2.0 if i == 0 else 1.0)


def _spell_file(name):
    return name.replace(", ", "-").replace(" ", "_")
