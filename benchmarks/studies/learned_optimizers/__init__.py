"""Learned optimizers against hand-made ones on functions that neither has seen (Li & Malik 2017, Figures 1-5).

    python -m benchmarks.run learned_optimizers --workers 2

learns a policy for each family and seed with `nos-learn`, tunes every baseline on the training functions of seed 0,
and follows all of them for 100 iterations on 100 held-out functions. Trainings are kept in OUT and not repeated.
"""

# `flag` makes a dataclass field.

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies.common.shared_flags import results_flag
from benchmarks.studies.learned_optimizers import pictures
from benchmarks.studies.learned_optimizers.comparison import (
    FIXED,
    ITERATIONS,
    LEARNED,
    TEST,
    Settings,
    compare_on_family,
    make_comparison_table,
    summarize_comparison,
    write_comparisons,
)
from benchmarks.studies.learned_optimizers.learning import learn_all, tune_baselines
from neural_optimizer_search.command_line import path, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.l2o import PredictedStepDescent, trajectories
from neural_optimizer_search.l2o.baselines import BASELINES
from neural_optimizer_search.l2o.guided_policy_search import STARTS
from neural_optimizer_search.l2o.training import FUNCTIONS
from neural_optimizer_search.objectives import FAMILIES

TITLE = "Li & Malik's learned optimizers against hand-made ones, on functions that neither has seen"
OTHERS = tuple(name for name in BASELINES if name not in FIXED)
GAUSSIANS = (5, 6, 8, 12)
PICTURED = "logistic_2d"  # one training is enough for a picture of where it goes


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    families: Sequence[str] = flag(
        tuple(FAMILIES), "families of functions to learn for", choices=FAMILIES, nargs="+", metavar="FAMILY"
    )
    seeds: int = flag(3, "trainings of each family", parse=whole_number(1, 1_000))
    workers: int = flag(1, "trainings at once", parse=whole_number(1, 1_000))
    baselines: Sequence[str] = flag(
        OTHERS,
        f"hand-made ones beside those with fixed steps, of {', '.join(OTHERS)}",
        choices=OTHERS,
        nargs="*",
        metavar="NAME",
        default_text="all of these",
    )
    out: pathlib.Path = flag(pathlib.Path("runs", "learned_optimizers"), "directory of the trainings", parse=path)
    results: pathlib.Path = results_flag()


def run(config: Config) -> dict[str, Any]:
    """Learns, tunes and compares; returns what each optimizer does on each family."""
    jobs = [(name, seed) for name in config.families for seed in range(1 if name == PICTURED else config.seeds)]
    files = learn_all(jobs, config.out, config.workers)
    figures, comparisons = {}, []
    for name in config.families:
        family = FAMILIES[name]
        policies = [PredictedStepDescent.load(file).policy for (of, _), file in files.items() if of == name]
        path = config.out / f"{name}-baselines.json"
        settings = tune_baselines(family, FUNCTIONS[name], path, (*FIXED, *config.baselines))
        for title, kind in list_kinds(name, family).items():
            comparison = compare_on_family(title, kind, policies, settings)
            figures[title] = summarize_comparison(comparison, settings)
            comparisons.append(comparison)
            print(make_comparison_table(title, figures[title]), flush=True)
        if name == PICTURED:
            pictures.draw_ways(*find_ways(policies[0], settings), config.results)
    write_comparisons(config.results / "learned_optimizers.csv", comparisons)
    pictures.draw_comparisons(comparisons, LEARNED, FIXED, config.results)
    return figures


def list_kinds(name: str, family: Any) -> dict[str, Any]:
    """What a policy of a family is tried on: the classifier's also on data of more Gaussians (appendix 8.1)."""
    if name != "classifier":
        return {name: family}
    more = {f"{name}, {n} Gaussians": dataclasses.replace(family, gaussians=n) for n in GAUSSIANS}
    return {name: family, **more}


def find_ways(policy: Any, settings: Settings) -> tuple[Any, Mapping[str, np.ndarray]]:
    """Three held-out functions of two numbers, and where each optimizer goes on them."""
    family = FAMILIES[PICTURED]
    functions, start = family.sample(3, [0, TEST]), trajectories.starts(3, 1, 2, [0, TEST, STARTS])
    ways = {LEARNED: trajectories.run(functions, policy, start, ITERATIONS)}
    ways |= {name: BASELINES[name].run(functions, start, ITERATIONS, **settings[name]) for name in FIXED}
    return functions, {name: way.iterates[:, 0] for name, way in ways.items()}
