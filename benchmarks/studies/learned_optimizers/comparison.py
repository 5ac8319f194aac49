"""Runs of learned and hand-made optimizers on held-out functions, and their summary."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.common.bootstrap import mean_interval
from benchmarks.studies.learned_optimizers.margins import has_diverged, margins, share_ahead
from neural_optimizer_search.l2o.baselines import BASELINES, Counted
from neural_optimizer_search.l2o.config import Training
from neural_optimizer_search.l2o.guided_policy_search import STARTS
from neural_optimizer_search.l2o.trajectories import cap, run, starts

USUAL = Training.preset
LEARNED = "predicted step descent"
# The paper's four, without line search; the other set has all baselines.
FIXED = ("gradient descent", "momentum", "conjugate gradient", "l-bfgs")
ITERATIONS = 100
HELD_OUT = 100
TEST = 99  # random stream of the held-out functions; those of a training are `TRAINING`, `VALIDATION`, ...
SHOWN = (1, 5, 40, 100)
Settings = Mapping[str, Mapping[str, Any]]  # baseline -> its tuned setting


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Values of every optimizer on the held-out functions of a family.

    Args:
      name: Name of the family, with the number of Gaussians if it differs from that in training.
      values: Optimizer -> `[F, ITERATIONS + 1]`; the learned one has an array for each seed, `[seeds, F, ..]`.
      evaluations: Optimizer -> mean number of computations of value and gradient per iteration.
      seeds: The seeds with which the learned one was trained.
      preset: The `nos-learn` preset of the learned optimizer.
    """

    name: str
    values: Mapping[str, np.ndarray]
    evaluations: Mapping[str, float]
    seeds: Sequence[int]
    preset: str = USUAL

    @property
    def title(self) -> str:
        """The name, with the preset if that is not the usual one."""
        return self.name if self.preset == USUAL else f"{self.name}, preset {self.preset}"

    def margins(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Optimizer -> mean margins `[seeds, ITERATIONS + 1]` among these and the learned one."""
        others = {name: self.values[name] for name in names}
        each = [margins({LEARNED: values, **others}) for values in self.values[LEARNED]]
        return {name: np.stack([one[name] for one in each]) for name in (LEARNED, *names)}


class HandMade(NamedTuple):
    """The `values` and `evaluations` of the hand-made optimizers, for a `Comparison`."""

    values: Mapping[str, np.ndarray]
    evaluations: Mapping[str, float]


def run_baselines(family: Any, settings: Settings) -> HandMade:
    """Runs the hand-made optimizers on held-out functions of a family."""
    functions, start = _hold_out(family)
    values, evaluations = {}, {}
    for baseline, setting in settings.items():
        counted = Counted(functions)
        values[baseline] = BASELINES[baseline].run(counted, start, ITERATIONS, **setting).values[:, 0]
        evaluations[baseline] = counted.evaluations / HELD_OUT / (ITERATIONS + 1)
    return HandMade(values, evaluations)


def compare_on_family(
    name: str, family: Any, policies: Mapping[int, Any], hand_made: HandMade, preset: str = USUAL
) -> Comparison:
    """A `Comparison` of policies of one preset, by seed, with the result of `run_baselines` for the same family."""
    functions, start = _hold_out(family)
    learned = [run(functions, policy, start, ITERATIONS, policy.history) for policy in policies.values()]
    values = {LEARNED: np.stack([one.values[:, 0] for one in learned]), **hand_made.values}
    return Comparison(name, values, {LEARNED: 1.0, **hand_made.evaluations}, tuple(policies), preset)


def _hold_out(family):
    """Functions drawn with a seed that neither a training nor the tuning uses, and their starting points."""
    return family.sample(HELD_OUT, [0, TEST]), starts(HELD_OUT, 1, family.dimension, [0, TEST, STARTS])


def summarize_comparison(comparison: Comparison, settings: Settings) -> dict[str, dict[str, Any]]:
    """Optimizer -> the figures of the table, JSON-serializable."""
    fixed, every = comparison.margins(FIXED), comparison.margins(list(settings))
    ours, rng = comparison.values[LEARNED], np.random.default_rng(0)
    found = {}
    for name, values in comparison.values.items():
        by_seed = values if name == LEARNED else values[None]
        means = cap(by_seed).mean(axis=1)
        row: dict[str, Any] = dict(setting=settings.get(name, {}), evaluations=comparison.evaluations[name])
        row["values"] = {t: _find_mean_and_deviation(means[:, t]) for t in SHOWN}
        row["diverged"] = int(has_diverged(by_seed).sum())
        if name == LEARNED:
            row["preset"] = comparison.preset
        else:
            among = fixed if name in FIXED else every
            row["share"] = [share_ahead(*pair) for pair in zip(among[LEARNED], among[name])]
            lead = cap(values)[:, -1] - cap(ours)[..., -1].mean(axis=0)
            row["lead"] = list(map(float, mean_interval(lead, rng)))
            # Runs in which only the learned optimizer diverges.
            row["only_learned_diverged"] = int((has_diverged(ours) & ~has_diverged(values)).sum())
        found[name] = row
    return found


def _find_mean_and_deviation(by_seed):
    """[mean, standard deviation over seeds]; the deviation is None if there is one seed."""
    return [float(by_seed.mean()), float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None]
