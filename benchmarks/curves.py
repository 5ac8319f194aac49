"""Best-so-far curves of searches, with the uncertainty that so few seeds leave."""

import pathlib

import numpy as np

RESULTS = pathlib.Path(__file__).parent / "results"
RESAMPLES = 2000


def best_so_far(curve, length):
    """The best of the first 1, 2, ... `length` rewards; a search that ended early keeps its best."""
    bests = np.maximum.accumulate(curve)[:length]
    return np.concatenate([bests, np.full(length - len(bests), bests[-1])])


def mean_interval(values, rng):
    """The mean over the first axis, and its 95 % bootstrap interval."""
    values = np.asarray(values)
    means = np.array([rng.choice(values, len(values)).mean(axis=0) for _ in range(RESAMPLES)])
    return values.mean(axis=0), *np.quantile(means, (0.025, 0.975), axis=0)


def median_interval(values, rng):
    """The median and its 95 % bootstrap interval, of numbers that may be infinite."""
    values = np.asarray(values)
    medians = [_median(rng.choice(values, len(values))) for _ in range(RESAMPLES)]
    return _median(values), *map(float, np.quantile(medians, (0.025, 0.975), method="nearest"))


def _median(values):
    # numpy's interpolates, and inf - inf is no number
    return float(np.sort(values)[len(values) // 2])


def plot(curves, length, path, title, levels):
    """Writes the mean best-so-far of each algorithm, with 95 % bootstrap bands.

    Args:
      curves: Name -> rewards of the trained rules, one list for each seed.
      length: Trained rules to show.
      path: A file for a picture.
      title: Of the picture.
      levels: Name -> reward, for horizontal lines.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    rng = np.random.default_rng(0)
    trained = np.arange(1, length + 1)
    for name, runs in curves.items():
        mean, low, high = mean_interval([best_so_far(run, length) for run in runs], rng)
        (line,) = axes.plot(trained, mean, label=name)
        axes.fill_between(trained, low, high, alpha=0.2, color=line.get_color(), linewidth=0)
    for name, level in levels.items():
        axes.axhline(level, color="gray", linewidth=0.7, linestyle="--")
        axes.annotate(name, (1, level), fontsize=8, va="bottom", color="gray")
    # The first tenth may run below the frame: what comes after is what one wants to see.
    early = [np.mean([best_so_far(run, max(1, length // 10))[-1] for run in runs]) for runs in curves.values()]
    lowest = min(*levels.values(), *early)
    axes.set(xscale="log", xlabel="trained rules", ylabel="best reward so far", ylim=(lowest - 0.02, None))
    axes.legend(loc="lower right", fontsize=8)
    axes.set_title(title, fontsize=10)
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
