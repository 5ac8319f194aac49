"""From which cosines on do rules behave alike, and what is lost by measuring one of them for all?

Rules that were measured in full are gone through in the order in which they were proposed, known optimizers first:
one that is alike an earlier behaviour takes its reward. How far is that from its own? Noise is the standard error of
the difference of two rules on common seeds. Three witnesses say who is alike: the screen's probe, the first gradients
of the task's own child, and both; "search" is both with the cosines that a search has. There is noise in the choice
of a rule's learning rate, too: the rows of the highest cosine, of rules that are the same but for it, tell how much.

    python -m benchmarks.run alike_rules --data_dir DATA

The rules of `digits` of depth 1 are those of the shipped table, in random order.
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

TITLE = "from which cosines on do rules behave alike, and what is lost by measuring one for all?"
COSINES = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
SAME = 0.99999  # so near are rules whose difference is that of their noise
TABLE = "table of depth 1"
NEIGHBOURS = 40  # rules of about the same reward, which have about the same noise


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(
        ("digits", "images", "table"), "what rules are measured on", choices=(*TASKS, *OWN_TASKS), nargs="+"
    )
    rules: int = flag(300, "rules to measure on each", parse=whole_number(0, 1_000_000))
    table_rules: int = flag(20_000, "rules of the table of depth 1 to look at, at most", parse=whole_number(0))
    depth: int = depth_flag(2)
    seed: int = flag(0, "sets the rules", parse=whole_number(0))
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("full_measurements")
    data_dir: Optional[str] = own_data_flag()


def run(config: Config) -> dict[str, Any]:
    """Measures rules and joins those that are alike; returns the figures of each task, witness and cosine."""
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
    """(rules of the table of depth 1, their rewards `[rules, seeds]`) in random order, `count` at most."""
    table = list(read_table().values())
    chosen = [table[i] for i in np.random.default_rng(seed).permutation(len(table))[:count]]
    seeds = max(len(one.rewards) for one in chosen)
    return [one.rule for one in chosen], np.array([one.rewards or (0.0,) * seeds for one in chosen])


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
    """For each rule the number of the one whose reward it takes; its own, if it is a new behaviour."""
    taken_from = []
    for i, rule in enumerate(rules):
        found = behaviours.find(rule)
        if found is None:
            behaviours.add(str(i), rule)
        taken_from.append(i if found is None else int(found))
    return np.array(taken_from)


def estimate_noise(rewards: np.ndarray) -> np.ndarray:
    """The standard error of each rule's mean reward, without what its seeds do to all rules.

    Args:
      rewards: `[rules, seeds]`.

    Returns:
      `[rules]`: each pooled over the rules that are nearest in reward, for a few seeds alone say little.
    """
    means = rewards.mean(axis=1)
    rest = rewards - means[:, None]
    rest = rest - rest[means >= np.median(means)].mean(axis=0)  # of bad rules seeds do something else
    squares = (rest**2).sum(axis=1) / (rewards.shape[1] - 1) / rewards.shape[1]
    order, noise = np.argsort(means), np.empty(len(means))
    for place, rule in enumerate(order):
        first = max(0, min(place - NEIGHBOURS // 2, len(means) - NEIGHBOURS))
        noise[rule] = np.sqrt(squares[order[first : first + NEIGHBOURS]].mean())
    return noise


def summarize(taken_from: np.ndarray, rewards: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    """The effect of joining.

    Args:
      taken_from: What `join` returns.
      rewards, noise: The mean reward of each rule, and its standard error, `[rules]`.

    Returns:
      "joined", "behaviours": numbers of rules; "deviation" of rewards within a behaviour; of the differences of a
      rule's reward and the one that it took: "beyond_noise" the share of more than twice their standard error,
      "median", "p90" and "largest"; "best_lost": of the best reward.
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
