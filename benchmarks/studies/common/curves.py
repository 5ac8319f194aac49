"""Best-so-far curves of searches, with their ranges."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.plotting import make_figure, save_figure


def best_so_far(curve: Sequence[float], length: int) -> np.ndarray:
    """The best of the first 1, 2, ... `length` rewards; a search that ended early keeps its best."""
    bests = np.maximum.accumulate(curve)[:length]
    return np.concatenate([bests, np.full(length - len(bests), bests[-1])])


def plot_searches(
    curves: Mapping[str, Sequence[Sequence[float]]],
    length: int,
    path: pathlib.Path,
    title: str,
    levels: Mapping[str, float],
) -> None:
    """Writes the mean best-so-far of each algorithm, with bands from the lowest to the highest search.

    Args:
      curves: Name -> rewards of the trained rules, one list for each seed.
      length: Trained rules to show.
      path: File of the picture.
      title: Beginning of the title; the number of searches follows.
      levels: Name -> reward, for horizontal lines.
    """
    figure, axes = make_figure(width=7, height=4.5)
    trained = np.arange(1, length + 1)
    for name, searches in curves.items():
        bests = np.array([best_so_far(curve, length) for curve in searches])
        (line,) = axes.plot(trained, bests.mean(axis=0), label=name)
        low, high = bests.min(axis=0), bests.max(axis=0)
        axes.fill_between(trained, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
    for name, level in levels.items():
        axes.axhline(level, color="gray", linewidth=0.7, linestyle="--")
        axes.annotate(name, (1, level), fontsize=8, va="bottom", color="gray")
    # The first tenth may fall below the frame, because the later part matters.
    early = [
        np.mean([best_so_far(curve, max(1, length // 10))[-1] for curve in searches]) for searches in curves.values()
    ]
    lowest = min(*levels.values(), *early)
    axes.set(xscale="log", xlabel="trained rules", ylabel="best reward so far", ylim=(lowest - 0.02, None))
    axes.legend(loc="lower right", fontsize=8)
    count = min(map(len, curves.values()))
    what = f"mean and range of {count} searches" if count > 1 else "one search"
    axes.set_title(f"{title}: {what}", fontsize=10)
    save_figure(figure, path)
