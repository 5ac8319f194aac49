"""What learned optimizers and hand-made ones do on held-out functions, and what a table says of it."""

import csv
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies.common.bootstrap import mean_interval
from benchmarks.studies.learned_optimizers.margins import has_diverged, margins, share_ahead
from neural_optimizer_search.l2o.baselines import BASELINES, Counted
from neural_optimizer_search.l2o.guided_policy_search import STARTS
from neural_optimizer_search.l2o.trajectories import cap, run, starts

LEARNED = "predicted step descent"
# The paper's four have no line search; the other set has all.
FIXED = ("gradient descent", "momentum", "conjugate gradient", "l-bfgs")
ITERATIONS = 100
HELD_OUT = 100
TEST = 99  # its stream of random numbers; those of a training are `TRAINING`, `VALIDATION`, ...
SHOWN = (1, 5, 40, 100)
Settings = Mapping[str, Mapping[str, Any]]  # baseline -> what it was tuned to


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Values of every optimizer on the held-out functions of a family.

    Args:
      name: Name of the family, with the number of Gaussians if it is another than in training.
      values: Optimizer -> `[F, ITERATIONS + 1]`; the learned one has a row of these for each seed, `[seeds, F, ..]`.
      evaluations: Optimizer -> computations of value and gradient an iteration, in the mean.
    """

    name: str
    values: Mapping[str, np.ndarray]
    evaluations: Mapping[str, float]

    def margins(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Optimizer -> mean margins `[seeds, ITERATIONS + 1]` among these and the learned one."""
        others = {name: self.values[name] for name in names}
        each = [margins({LEARNED: values, **others}) for values in self.values[LEARNED]]
        return {name: np.stack([one[name] for one in each]) for name in (LEARNED, *names)}


def compare_on_family(name: str, family: Any, policies: Sequence[Any], settings: Settings) -> Comparison:
    """A `Comparison` on held-out functions of a family."""
    functions = family.sample(HELD_OUT, [0, TEST])
    start = starts(HELD_OUT, 1, family.dimension, [0, TEST, STARTS])
    learned = [run(functions, policy, start, ITERATIONS, history=policy.history) for policy in policies]
    values, evaluations = {LEARNED: np.stack([one.values[:, 0] for one in learned])}, {LEARNED: 1.0}
    for baseline, setting in settings.items():
        counted = Counted(functions)
        values[baseline] = BASELINES[baseline].run(counted, start, ITERATIONS, **setting).values[:, 0]
        evaluations[baseline] = counted.evaluations / HELD_OUT / (ITERATIONS + 1)
    return Comparison(name, values, evaluations)


def summarize_comparison(comparison: Comparison, settings: Settings) -> dict[str, dict[str, Any]]:
    """Optimizer -> what the table shows, for JSON."""
    fixed, every = comparison.margins(FIXED), comparison.margins(list(settings))
    ours, rng = comparison.values[LEARNED], np.random.default_rng(0)
    found = {}
    for name, values in comparison.values.items():
        by_seed = values if name == LEARNED else values[None]
        means = cap(by_seed).mean(axis=1)
        row = dict(setting=settings.get(name, {}), evaluations=comparison.evaluations[name])
        row["values"] = {t: [float(means[:, t].mean()), float(means[:, t].std())] for t in SHOWN}
        row["diverged"] = int(has_diverged(by_seed).sum())
        if name != LEARNED:
            among = fixed if name in FIXED else every
            row["share"] = [share_ahead(*pair) for pair in zip(among[LEARNED], among[name])]
            lead = cap(values)[:, -1] - cap(ours)[..., -1].mean(axis=0)
            row["lead"] = list(map(float, mean_interval(lead, rng)))
            # Where gradient descent stays, does the learned one?
            row["only_learned_diverged"] = int((has_diverged(ours) & ~has_diverged(values)).sum())
        found[name] = row
    return found


def make_comparison_table(title: str, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A title and a Markdown table."""
    head = ["optimizer", "setting", *(f"value at {t}" for t in SHOWN), "computations", "diverged"]
    lines = [[*head, "learned one is ahead in", "its lead at 100"]]
    lines.append(["---"] * len(lines[0]))
    for name, row in figures.items():
        setting = ", ".join(f"{key} {value:.3g}" for key, value in row["setting"].items() if value is not None)
        values = [
            f"{mean:.4f} ± {deviation:.4f}" if name == LEARNED else f"{mean:.4f}"
            for mean, deviation in row["values"].values()
        ]
        ahead = ["", ""]
        if name != LEARNED:
            lead, low, high = row["lead"]
            shares = " ".join(f"{100 * part:.0f} %" for part in row["share"])
            ahead = [shares, f"{lead:.4f} ({low:.4f} to {high:.4f})"]
        lines.append([name, setting, *values, f"{row['evaluations']:.1f}", str(row["diverged"]), *ahead])
    return f"\n{title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_comparisons(path: pathlib.Path, comparisons: Sequence[Comparison]) -> None:
    """Mean value and mean margin of each optimizer at each iteration, as CSV."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["family", "optimizer", "seed", "iteration", "value", "margin_fixed_steps", "margin_all"])
        for comparison in comparisons:
            names = [name for name in comparison.values if name != LEARNED]
            fixed, every = comparison.margins(FIXED), comparison.margins(names)
            for name in comparison.values:
                for seed in range(len(comparison.values[LEARNED])):
                    values = comparison.values[name][seed] if name == LEARNED else comparison.values[name]
                    for t, value in enumerate(cap(values).mean(axis=0)):
                        among = [f"{m[name][seed, t]:.6g}" if name in m else "" for m in (fixed, every)]
                        writer.writerow([comparison.name, name, seed, t, f"{value:.6g}", *among])
