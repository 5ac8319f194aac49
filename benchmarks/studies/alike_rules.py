"""At which cosine do rules behave alike, and what is lost by measuring only one of them?

Fully measured rules are visited in the order in which they were proposed, known optimizers first. A rule that behaves
like an earlier one takes its reward. How far is that reward from the rule's own? Noise is the standard error of the
difference between two rules on common seeds. Three witnesses decide which rules are alike: the screen's probe, the
first gradients of the task's child, and both. "search" is both with the cosines that a search uses. The choice of a
rule's learning rate is noisy, too: the rows of the highest cosine, which join otherwise equal rules, show how much.

    python -m benchmarks.run alike_rules --data_dir DATA

For `digits`, the rules of depth 1 in the shipped table are compared as well, in random order.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from benchmarks.studies.common.full_measurements import measure_in_full, pick_rewards
from benchmarks.studies.common.sampled_rules import draw_distinct_rules
from benchmarks.studies.common.shared_flags import depth_flag, own_data_flag, runs_flag, workers_flag
from benchmarks.studies.depth1_table import read_table
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import set_data_directory
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.behaviour import Behaviours, Likeness
from neural_optimizer_search.measuring.probe import Probe
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.tasks import TASKS

TITLE = "at which cosine do rules behave alike, and what is lost by measuring only one of them?"
COSINES = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
SAME = 0.99999  # the cosine of rules that differ by no more than their noise
TABLE = "table of depth 1"
NEIGHBOURS = 40  # rules with about the same reward, and so about the same noise


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(
        ("digits", "images", "table"), "tasks to measure rules on", choices=(*TASKS, *OWN_TASKS), nargs="+"
    )
    rules: int = flag(300, "rules to measure on each task", parse=whole_number(0, 1_000_000))
    table_rules: int = flag(20_000, "maximum number of rules from the table of depth 1", parse=whole_number(0))
    depth: int = depth_flag(2)
    seed: int = flag(0, "seed for drawing the rules", parse=whole_number(0))
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("full_measurements")
    data_dir: Optional[str] = own_data_flag()


def run(config: Config) -> dict[str, Any]:
    """Measures rules and joins those that are alike; returns the figures by task, witness and cosine."""
    set_data_directory(config.data_dir)
    screen, figures = Screen().probe, {}
    for name in config.tasks:
        rules = draw_distinct_rules(config.seed, (config.depth,))
        measured = measure_in_full(name, rules, config.rules, config.runs / f"{name}.jsonl", config.workers)
        task, every = Probe(measured.descent), [*measured.known.values(), *measured.found]
        figures[name] = compare([one.evaluation.rule for one in every], pick_rewards(every), screen, task, name)
        if name == "digits" and config.table_rules:
            figures[TABLE] = compare(*shuffle_table(config.table_rules, config.seed), screen, task, TABLE)
    return dict(seed=config.seed, depth=config.depth, tasks=figures)


def shuffle_table(count: int, seed: int) -> tuple[list[Rule], np.ndarray]:
    """At most `count` rules of the table of depth 1 in random order, and their rewards `[rules, seeds]`."""
    table = list(read_table().values())
    chosen = [table[i] for i in np.random.default_rng(seed).permutation(len(table))[:count]]
    return [one.rule for one in chosen], np.array([one.rewards for one in chosen])


def compare(rules: list[Rule], rewards: np.ndarray, screen: Probe, task: Probe, name: str) -> dict[str, Any]:
    """Prints the rows of a task, and returns the figures by witness and cosine."""
    noise = estimate_noise(rewards)
    print(f"\n{name}: {len(rules)} rules; the best reward is {rewards.mean(axis=1).max():.4f}")
    print("witness      cosine  joined  behaviours  deviation  beyond noise  median     90 %  largest  best lost")
    witnesses, figures = {"probe": [screen], "task": [task], "both": [screen, task]}, {}
    for witness, probes in witnesses.items():
        for cosine in (*COSINES, SAME):
            behaviours = Behaviours(probes, Likeness(probe=cosine, task=cosine))
            row = _compare_with(behaviours, witness, f"{cosine:g}", rules, rewards, noise)
            figures.setdefault(witness, {})[cosine] = row
    figures["search"] = _compare_with(Behaviours([screen, task]), "search", "", rules, rewards, noise)
    return figures


def _compare_with(behaviours, witness, cosine, rules, rewards, noise):
    row = summarize(join(rules, behaviours), rewards.mean(axis=1), noise)
    print(
        f"{witness:12s} {cosine:7s} {row['joined']:6d}  {row['behaviours']:10d}  {row['deviation']:9.4f}  "
        f"{row['beyond_noise']:12.1%}  {row['median']:6.4f}  {row['p90']:7.4f}  {row['largest']:7.4f}  "
        f"{row['best_lost']:9.4f}",
        flush=True,
    )
    return {key: round(value, 5) for key, value in row.items()}


def join(rules: Sequence[Rule], behaviours: Behaviours) -> np.ndarray:
    """The index of the rule whose reward each rule takes: its own index if its behaviour is new."""
    taken_from = []
    for i, rule in enumerate(rules):
        found = behaviours.find(rule)
        if found is None:
            behaviours.add(str(i), rule)
        taken_from.append(i if found is None else int(found))
    return np.array(taken_from)


def estimate_noise(rewards: np.ndarray) -> np.ndarray:
    """The standard error of each rule's mean reward, without the effect that the seeds have on all rules.

    Args:
      rewards: `[rules, seeds]`.

    Returns:
      `[rules]`: each pooled over the rules nearest in reward, because a few seeds alone say little.
    """
    means = rewards.mean(axis=1)
    rest = rewards - means[:, None]
    rest = rest - rest[means >= np.median(means)].mean(axis=0)  # seeds affect bad rules differently
    squares = (rest**2).sum(axis=1) / (rewards.shape[1] - 1) / rewards.shape[1]
    order, noise = np.argsort(means), np.empty(len(means))
    for place, rule in enumerate(order):
        first = max(0, min(place - NEIGHBOURS // 2, len(means) - NEIGHBOURS))
        noise[rule] = np.sqrt(squares[order[first : first + NEIGHBOURS]].mean())
    return noise


def summarize(taken_from: np.ndarray, rewards: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    """The effect of joining.

    Args:
      taken_from: The result of `join`.
      rewards, noise: The mean reward of each rule, and its standard error, `[rules]`.

    Returns:
      A dict with "joined" and "behaviours", the numbers of joined rules and of distinct behaviours; "deviation", the
      standard deviation of rewards within a behaviour; "beyond_noise", the share of joined rules whose reward differs
      from the one they took by more than twice the standard error; "median", "p90" and "largest", quantiles of these
      differences; and "best_lost", the loss of the best reward.
    """
    rules = np.arange(len(rewards))
    joined = np.flatnonzero(taken_from != rules)
    others, kept = taken_from[joined], np.flatnonzero(taken_from == rules)
    differences = np.abs(rewards[joined] - rewards[others])
    errors = np.hypot(noise[joined], noise[others])
    members = np.bincount(taken_from, minlength=len(rules))
    means = np.bincount(taken_from, rewards, len(rules)) / np.maximum(members, 1)
    within = ((rewards - means[taken_from]) ** 2).sum() / max(1, len(joined))
    median, p90, largest = np.quantile(differences, (0.5, 0.9, 1.0)) if len(joined) else (0.0, 0.0, 0.0)
    return dict(
        joined=len(joined),
        behaviours=len(kept),
        deviation=float(np.sqrt(within)),
        beyond_noise=float(np.mean(differences > 2.0 * errors)) if len(joined) else 0.0,
        median=float(median),
        p90=float(p90),
        largest=float(largest),
        best_lost=float(rewards.max() - rewards[kept].max()),
    )
