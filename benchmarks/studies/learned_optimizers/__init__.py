"""Learned optimizers against hand-made ones on functions that neither has seen (Li & Malik 2017, Figures 1-5).

    python -m benchmarks.run learned_optimizers --workers 2

The command learns a policy for each family and seed with `nos-learn`, tunes every baseline on the training functions
of seed 0, and runs all of them for 100 iterations on 100 held-out functions. Trainings are stored in OUT and not
repeated. With `--presets steady paper`, it learns policies with both presets and compares them with the same
hand-made optimizers.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.shared_flags import results_flag
from benchmarks.studies.learned_optimizers import digits, pictures
from benchmarks.studies.learned_optimizers.comparison import (
    FIXED,
    ITERATIONS,
    LEARNED,
    TEST,
    USUAL,
    Settings,
    compare_on_family,
    run_baselines,
    summarize_comparison,
)
from benchmarks.studies.learned_optimizers.learning import Job, learn_all, tune_baselines
from benchmarks.studies.learned_optimizers.tables import (
    find_lost,
    make_comparison_table,
    make_preset_table,
    read_curves,
    write_comparisons,
)
from neural_optimizer_search.command_line import path, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.l2o import PredictedStepDescent, trajectories
from neural_optimizer_search.l2o.baselines import BASELINES
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.guided_policy_search import STARTS
from neural_optimizer_search.l2o.named_family import find_family
from neural_optimizer_search.l2o.presets import FUNCTIONS, PRESETS
from neural_optimizer_search.objectives import FAMILIES

TITLE = "Li & Malik's learned optimizers against hand-made ones, on functions that neither has seen"
OTHERS = tuple(name for name in BASELINES if name not in FIXED)
# Name in this study -> name for `nos-learn`.
NAMES = {**{name: name for name in FAMILIES}, **digits.NAMES}
GAUSSIANS = (5, 6, 8, 12)
PICTURED = "logistic_2d"  # one training is enough for a picture of its trajectories
PROBLEMS = 4  # functions in that picture
CURVES = "learned_optimizers.csv"


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    families: Sequence[str] = flag(
        tuple(FAMILIES),
        "families of functions to learn for; digits_10 and digits_30 are logistic regression on pairs of digits, in "
        "10 and 30 dimensions",
        choices=NAMES,
        nargs="+",
        metavar="FAMILY",
    )
    presets: Sequence[str] = flag(
        (USUAL,), "presets of nos-learn to compare", choices=PRESETS, nargs="+", metavar="PRESET"
    )
    seeds: int = flag(3, "trainings of each family", parse=whole_number(1, 1_000))
    workers: int = flag(1, "trainings at once", parse=whole_number(1, 1_000))
    baselines: Sequence[str] = flag(
        OTHERS,
        f"hand-made optimizers besides those with fixed steps: {', '.join(f'{name!r}' for name in OTHERS)}",
        choices=OTHERS,
        nargs="*",
        metavar="NAME",
        default_text="all of these",
    )
    out: pathlib.Path = flag(pathlib.Path("runs", "learned_optimizers"), "directory of the trainings", parse=path)
    results: pathlib.Path = results_flag()


def run(config: Config) -> dict[str, Any]:
    """Learns, tunes and compares; returns the results of each optimizer on each family."""
    config.results.mkdir(parents=True, exist_ok=True)  # before the work, which would be lost
    _require_no_loss(config)
    files = learn_all(list_jobs(config), config.out, config.workers)
    figures, comparisons = {}, []
    for name in config.families:
        family = find_family(NAMES[name])
        policies = {preset: _load(files, name, preset) for preset in config.presets}
        path = config.out / f"{name}-baselines.jsonl"
        count = FUNCTIONS.get(name, GuidedPolicySearchConfig.functions)
        settings = tune_baselines(family, count, path, (*FIXED, *config.baselines))
        for title, kind in list_kinds(name, family).items():
            hand_made = run_baselines(kind, settings)
            found = [compare_on_family(title, kind, policies[preset], hand_made, preset) for preset in policies]
            figures |= {one.title: summarize_comparison(one, settings) for one in found}
            comparisons += found
            _show(title, found, figures)
        if name == PICTURED:
            firsts = {preset: next(iter(by_seed.values())) for preset, by_seed in policies.items()}
            pictures.draw_ways(*find_ways(firsts, settings), config.results)
    curves = config.results / CURVES
    write_comparisons(curves, comparisons)
    pictures.draw_rules(read_curves(curves), LEARNED, config.results)
    pictures.draw_comparisons(comparisons, LEARNED, FIXED, config.results)
    return figures


def list_jobs(config: Config) -> list[Job]:
    """The trainings of a study."""
    seeds = {name: range(1 if name == PICTURED else config.seeds) for name in config.families}
    return [Job(name, preset, seed) for name in seeds for preset in config.presets for seed in seeds[name]]


def _require_no_loss(config):
    """Raises a StudyFailed if the results have more of a comparison than the command would measure and replace."""
    jobs, optimizers = list_jobs(config), (LEARNED, *FIXED, *config.baselines)
    for name in config.families:
        for preset, title in itertools.product(config.presets, list_kinds(name, find_family(NAMES[name]))):
            seeds = sum((job.family, job.preset) == (name, preset) for job in jobs)
            if lost := find_lost(config.results / CURVES, title, preset, seeds, optimizers):
                raise StudyFailed(
                    f"argument --results: {config.results / CURVES} has more on {title} than this command measures, "
                    f"and would lose it: {lost}. Give another directory"
                )


def _load(files, family, preset):
    """Seed -> the policy."""
    of = {job.seed: file for job, file in files.items() if job[:2] == (family, preset)}
    return {seed: PredictedStepDescent.load(of[seed]).policy for seed in sorted(of)}


def _show(title, comparisons, figures):
    for one in comparisons:
        print(make_comparison_table(one.title, figures[one.title]), flush=True)
    if len(comparisons) > 1:
        print(make_preset_table(f"{title}, presets", {one.preset: figures[one.title] for one in comparisons}))


def list_kinds(name: str, family: Any) -> dict[str, Any]:
    """The families that test a policy; for the classifier, also data of more Gaussians (appendix 8.1)."""
    if name != "classifier":
        return {name: family}
    more = {f"{name}, {n} Gaussians": dataclasses.replace(family, gaussians=n) for n in GAUSSIANS}
    return {name: family, **more}


def find_ways(policies: Mapping[str, Any], settings: Settings) -> tuple[Any, Mapping[str, trajectories.Trajectories]]:
    """Held-out functions of two variables, and each optimizer's trajectories on them.

    Args:
      policies: Preset -> a policy.
      settings: The tuned settings of the baselines.
    """
    functions = FAMILIES[PICTURED].sample(PROBLEMS, [0, TEST])
    start = trajectories.starts(PROBLEMS, 1, 2, [0, TEST, STARTS])
    ways = {
        LEARNED if preset == USUAL else f"{LEARNED}, {preset}": trajectories.run(
            functions, policy, start, ITERATIONS, policy.history
        )
        for preset, policy in policies.items()
    }
    ways |= {name: BASELINES[name].run(functions, start, ITERATIONS, **settings[name]) for name in FIXED}
    return functions, ways
