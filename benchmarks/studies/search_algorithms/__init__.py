"""How many rules must each algorithm train to find a good one? Replayed on a table of all rules of depth 1.

The table (`benchmarks/studies/depth1_table.py`) holds the reward of every distinct rule, so a search takes seconds
and can be repeated with many seeds. All algorithms have the same screen and cache: only new functions count. "random,
no screen" and "ppo, paper" count every new string. "..., alike" trains only one of the rules that behave alike, as
nos-search does. "..., known" also starts from the known optimizers, which count too. "..., ahead" proposes a batch
before it learns from the previous one, so that workers need not wait.

    python -m benchmarks.run search_algorithms --algorithms "random, alike" "guided, alike" --seeds 100 --budget 200

Finished searches are kept in RESULTS/search_algorithms.jsonl and not repeated.
"""

import math
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.studies.common.bootstrap import median_interval
from benchmarks.studies.common.curves import plot_searches
from benchmarks.studies.common.shared_flags import results_flag
from benchmarks.studies.depth1_table import read_table
from benchmarks.studies.search_algorithms.kept import DIGITS, FILE, Replayed, name_search, open_searches, write_search
from benchmarks.studies.search_algorithms.replay import ALGORITHMS, DEFAULT, replay
from benchmarks.trials.processes import process_pool
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag

TITLE = "how many rules must each algorithm train to find a good one? Replayed on the table of depth1_table"
TOPS = (0.01, 0.001)
# Seeds below this one were used to choose the algorithms' settings; the reported ones start here.
FIRST_SEED = 100
ROUNDING = 0.5 * 10**-DIGITS  # of the stored rewards


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    algorithms: Sequence[str] = flag(
        tuple(ALGORITHMS),
        f"search algorithms, from {', '.join(map(repr, ALGORITHMS))}",
        choices=ALGORITHMS,
        nargs="+",
        metavar="NAME",
        default_text="all of these",
    )
    seeds: int = flag(20, "searches of each algorithm", parse=whole_number(1, 1_000))
    budget: int = flag(1000, "rules to train", parse=whole_number(1, 1_000_000))
    workers: int = flag(2, "searches at once", parse=whole_number(1, 1_000))
    results: pathlib.Path = results_flag()


def run(config: Config) -> dict[str, Any]:
    """Replays the missing searches; returns how many rules each algorithm needs."""
    seeds = range(FIRST_SEED, FIRST_SEED + config.seeds)
    config.results.mkdir(parents=True, exist_ok=True)  # before the work, which would be lost
    kept = open_searches(config.results / FILE)
    _replay_missing([(name, seed, config.budget) for name in config.algorithms for seed in seeds], kept, config)
    searches = {name: [kept[name_search(name, seed, config.budget)] for seed in seeds] for name in config.algorithms}
    rewards = np.sort([e.reward for e in read_table().values()])[::-1]
    thresholds = {top: rewards[round(top * len(rewards)) - 1] for top in TOPS}
    print(
        f"\n{len(rewards)} rules; " + ", ".join(f"top {top:.1%}: reward >= {r:.4f}" for top, r in thresholds.items())
    )
    print(f"{config.seeds} seeds, median trained rules until the first of the top (95 % bootstrap interval)\n")
    print(f"{'algorithm':22s}" + "".join(f"{f'top {top:.1%}':>22s}" for top in TOPS) + "     mean best   sampled")
    rng = np.random.default_rng(0)
    figures = {name: _summarize(name, found, thresholds, rng) for name, found in searches.items()}
    plot_searches(
        {name: [one.curve for one in found] for name, found in searches.items()},
        config.budget,
        config.results / "search_algorithms.png",
        "Depth 1 on digits",
        {f"top {top:.1%}": threshold for top, threshold in thresholds.items()},
    )
    return dict(rules=len(rewards), seeds=config.seeds, budget=config.budget, default=DEFAULT, algorithms=figures)


def _replay_missing(searches, kept, config):
    keys = [name_search(*one) for one in searches]
    if missing := kept.find_missing(keys):
        with process_pool(config.workers) as pool:
            running = {pool.submit(replay, *searches[i]): keys[i] for i in missing}
            kept.add_finished(running, "search", write_search)


def _summarize(name: str, found: list[Replayed], thresholds: dict[float, float], rng: np.random.Generator):
    """Prints the row of an algorithm and returns its figures."""
    intervals = {}
    for top, threshold in thresholds.items():
        counts = [first_within(np.array(one.curve) + ROUNDING, threshold) for one in found]
        intervals[f"top_{top:g}"] = median_interval(counts, rng)
    best = [max(one.curve) for one in found]
    sampled = float(np.mean([one.sampled for one in found]))
    cells = "".join(f"{f'{m:g} ({low:g}-{high:g})':>22s}" for m, low, high in intervals.values())
    print(f"{name:22s}{cells}{np.mean(best):14.4f}{sampled:10.0f}")
    # JSON has no infinity.
    finite = {top: [x if math.isfinite(x) else None for x in interval] for top, interval in intervals.items()}
    return dict(finite, mean_best=float(np.mean(best)), sampled=sampled)


def first_within(curve: Sequence[float], threshold: float) -> float:
    """The number of rules trained up to the first one with at least this reward; inf if there is none."""
    return next((i for i, reward in enumerate(curve, 1) if reward >= threshold), math.inf)
