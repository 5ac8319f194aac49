"""The Rosenbrock function (arXiv v2, section 6.1, Figure 5): a valley to follow, with exact gradients.

A "seed" selects a starting point: the customary one for tuning, and points around it for the final trials.
"""

import math
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from benchmarks.trials.contenders import Contender, read_contender
from benchmarks.trials.pictures import Plot
from benchmarks.trials.trials import TUNING_SEED, Metric, Sweep, Trial
from neural_optimizer_search.objectives import LANDSCAPES

TITLE = "Rosenbrock function (v2 Figure 5)"
METRIC = Metric("value", larger_is_better=False, format=".2e")
REFERENCE = "adam"
SCALED_DOWN = "Not scaled down; twenty starting points around the customary one instead of only that one."
COLUMNS = {"final": ("value at the end", ".2e")}
# The figure has no numbers; PowerSign is better than Adam, RMSProp and SGD, and close to Momentum.
PAPER = {}
CONTENDERS = ("sgd", "momentum", "rmsprop", "adam", "powersign", "addsign")
START_DEVIATION = 0.3


@dataclass(frozen=True)
class Setting:
    """The sizes of the experiment.

    Args:
      sweep: The `Sweep`.
      iterations: Updates per trial; 4,000 in the paper.
      epsilons: Values among which Adam's δ is tuned; 10^-3 to 10^-8 in the paper.
      points: Number of values recorded per trial, at equal intervals.
    """

    sweep: Sweep
    iterations: int = 4000
    epsilons: tuple[float, ...] = tuple(10.0**-power for power in range(3, 9))
    points: int = 40


_RATES = (1e-4, 1e-3, 1e-2, 1e-1)
SETTINGS = {
    "smoke": Setting(Sweep(("adam", "powersign"), _RATES[1:3], seeds=1), iterations=200, epsilons=(1e-8,), points=20),
    "small": Setting(Sweep(CONTENDERS, _RATES, seeds=20)),
    "paper": Setting(Sweep(CONTENDERS, _RATES, seeds=20)),
}


def list_options(setting: Setting, name: str) -> tuple[dict[str, float], ...]:
    """The values of δ to try with Adam; the others have only the learning rate."""
    if name.startswith("adam@"):
        return tuple({"epsilon": epsilon} for epsilon in setting.epsilons)
    return ({},)


def run_trial(
    setting: Setting,
    trial: Trial,
    contender: Contender,
    data_dir: Optional[pathlib.Path],
    strategy: tf.distribute.Strategy,
) -> dict[str, Any]:
    """Minimizes the function from one starting point; ignores `data_dir` and `strategy`."""
    started = time.perf_counter()
    optimizer = contender.make(trial.learning_rate, setting.iterations, trial.noise_seed, **dict(trial.options))
    every = setting.iterations // setting.points
    path = minimize(LANDSCAPES["rosenbrock"].value, choose_start(trial.seed), optimizer, setting.points, every)
    values = LANDSCAPES["rosenbrock"].value(tf.constant(path, tf.float32)).numpy()
    finite = np.isfinite(values)
    diverged = not finite.all()
    shown = len(values) if not diverged else int(finite.argmin())
    final = None if diverged else float(values[-1])
    curve = [[int(i * every), float(values[i])] for i in range(shown)]
    return dict(
        curve=curve,
        best=final,
        best_step=None if diverged else setting.iterations,
        final=final,
        diverged=diverged,
        seconds=round(time.perf_counter() - started, 1),
    )


def choose_start(seed: int) -> np.ndarray:
    """The customary starting point for tuning; a random one around it for every other seed."""
    customary = np.array(LANDSCAPES["rosenbrock"].start)
    if seed == TUNING_SEED:
        return customary
    return customary + START_DEVIATION * np.random.default_rng(seed).normal(size=2)


def minimize(
    value: Callable[[tf.Tensor], tf.Tensor],
    at: np.ndarray,
    optimizer: tf.keras.optimizers.Optimizer,
    points: int,
    every: int,
) -> list[np.ndarray]:
    """The trajectory: `points` + 1 iterates, `every` updates apart; shorter if it diverges."""
    x = tf.Variable(at, dtype=tf.float32)
    optimizer.build([x])

    @tf.function
    def advance():
        for _ in tf.range(every):
            with tf.GradientTape() as tape:
                loss = value(x)
            optimizer.apply_gradients([(tape.gradient(loss, x), x)])

    path = [x.numpy()]
    for _ in range(points):
        advance()
        path.append(x.numpy())
        if not math.isfinite(path[-1].sum()):
            break
    return path


def plot_trajectories(axes: Any, plot: Plot) -> None:
    """Plots each contender's trajectory from the customary start at its chosen rate, over contour lines."""
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, 200), np.linspace(-0.6, 1.8, 200))
    values = LANDSCAPES["rosenbrock"].value(tf.constant(np.stack([x, y], axis=-1))).numpy()
    axes.contour(x, y, np.log10(values + 1e-3), levels=12, colors="gray", linewidths=0.5)
    iterations = plot.records.setting["iterations"]
    for name, style in plot.styles.items():
        rate, options = plot.figures[name]["learning_rate"], plot.figures[name]["options"]
        optimizer = read_contender(name).make(rate, iterations, **options)
        path = minimize(LANDSCAPES["rosenbrock"].value, choose_start(TUNING_SEED), optimizer, iterations, every=1)
        axes.plot(*zip(*path), label=name, **style)
    axes.plot(*LANDSCAPES["rosenbrock"].minimum, "ko")
    axes.set(xlim=(-1.6, 1.6), ylim=(-0.6, 1.8), xlabel="x", ylabel="y")


PICTURES = {"Trajectories over contours": ("trajectories", plot_trajectories)}
