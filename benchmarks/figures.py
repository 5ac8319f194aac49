"""Pictures of the papers' experiments: on white, a line style for each colour, so that a print can be read too."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.protocol import chosen_and_rest

STYLES = ("-", "--", "-.", ":")
BANDS = 8  # with more of them in one picture none can be told from another
DPI = 150


def draw(module, name, scale, records, contenders, found, out):
    """Writes the pictures of an experiment; returns title -> path."""
    pictures = {
        "Validation during training": (curves, out / f"{name}-{scale}-curves.png"),
        "Sensitivity to the learning rate": (sensitivity, out / f"{name}-{scale}-rates.png"),
        **{title: (plot, out / f"{name}-{scale}-{file}.png") for title, (file, plot) in module.FIGURES.items()},
    }
    styles = {c: dict(linestyle=STYLES[i % len(STYLES)], color=f"C{i % 10}") for i, c in enumerate(contenders)}
    for title, (plot, path) in pictures.items():
        figure, axes = plt.subplots(figsize=(8.5, 4.5), facecolor="white")
        plot(axes, module, records, found, styles)
        axes.set_title(f"{module.TITLE}: {title.lower()}", fontsize=9)
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0))
        figure.tight_layout()
        figure.savefig(path, dpi=DPI)
        plt.close(figure)
    return {title: path for title, (_, path) in pictures.items()}


def curves(axes, module, records, found, styles):
    """Mean validation of the trials at the chosen rate; the bands go from the lowest to the highest of them."""
    for name, style in styles.items():
        _, _, final = chosen_and_rest(records, name, module.METRIC)
        chosen = [r for r in final if not r["diverged"]]
        if not chosen:
            continue
        steps = [step for step, _ in chosen[0]["curve"]]
        values = np.array([[value for _, value in r["curve"]] for r in chosen])
        axes.plot(steps, values.mean(axis=0), label=name, **style)
        if len(styles) <= BANDS:
            band = values.min(axis=0), values.max(axis=0)
            axes.fill_between(steps, *band, alpha=0.15, color=style["color"], linewidth=0)
    axes.set(xlabel="weight updates", ylabel=module.METRIC.name)
    if not module.METRIC.larger_is_better:
        axes.set_yscale("log")


def sensitivity(axes, module, records, found, styles):
    """Best validation of each tuning trial over its learning rate; a rate that diverged has no point."""
    shown = []
    for name, style in styles.items():
        by_rate = {}
        _, tuned, _ = chosen_and_rest(records, name, module.METRIC)
        for r in tuned:
            if not r["diverged"]:
                by_rate.setdefault(r["learning_rate"], []).append(r["best"])
        points = sorted((rate, module.METRIC.best(values)) for rate, values in by_rate.items())
        if points:
            axes.plot(*zip(*points), label=name, marker="o", markersize=3, **style)
            shown += [value for _, value in points]
    axes.set(xscale="log", xlabel="learning rate", ylabel=f"best {module.METRIC.name}, one seed")
    if not module.METRIC.larger_is_better:
        axes.set_yscale("log")
        # A perplexity of 10^24 would leave no room for the others.
        axes.set_ylim(0.5 * min(shown), min(2 * max(shown), 10 * np.quantile(shown, 0.75)))
