"""How many rules must each algorithm train to find a good one? Replayed on a table of all rules of depth 1.

The table (`benchmarks/depth1_table.py`) holds the reward of every distinct rule, so that a search costs seconds and
can be repeated with many seeds. All algorithms have the same screen and the same cache: only new functions count.
"random, no screen" and "ppo, paper" count every string that is not screen_nothing as an earlier one.

    python -m benchmarks.search_algorithms --algorithms random evolution ppo --seeds 20

Finished runs are kept in `results/search_algorithms.csv` and not repeated.
"""

import argparse
import concurrent.futures
import csv
import dataclasses
import json
import math
import multiprocessing
import pathlib
import tempfile

import numpy as np
from neural_optimizer_search.workers.processes import start_worker
from tqdm import tqdm

from benchmarks import curves, depth1_table
from benchmarks.curves import RESULTS
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.evolution import Evolution, EvolutionConfig
from neural_optimizer_search.search.loop import EvaluationRecorder, screen_nothing, search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.workers.pool import InProcess

RECORDS = RESULTS / "search_algorithms.csv"
BATCH = 5
TOPS = (0.01, 0.001)
# Seeds below this one were used to choose the controllers' settings; the reported ones start here.
FIRST_SEED = 100


def _controller(algorithm, preset):
    def make(space, seed):
        from tf_agents_env.controllers import CONTROLLERS, Controller

        return Controller(space, CONTROLLERS[algorithm][preset], seed)

    return make


ALGORITHMS = {
    "random": lambda space, seed: RandomSearch(space, BATCH, seed),
    "random, no screen": lambda space, seed: RandomSearch(space, BATCH, seed),
    "evolution": lambda space, seed: Evolution(space, EvolutionConfig(), seed),
    "ppo": _controller("ppo", "fast"),
    "ppo, paper": _controller("ppo", "paper"),
    "reinforce": _controller("reinforce", "fast"),
    "trpo": _controller("trpo", "fast"),
}
UNSCREENED = {"random, no screen", "ppo, paper"}  # as the paper's: every string that is new is trained


def replay(name, seed, budget, table=depth1_table.TABLE):
    """(rules sampled, rewards of the new ones) of one search."""
    look_up = LookUp(depth1_table.read(table))
    curve = []
    with tempfile.TemporaryDirectory() as scratch:
        ledger = Ledger(pathlib.Path(scratch, "ledger.sqlite"), config={})
        score = EvaluationRecorder(
            InProcess(look_up),
            ledger,
            screen=screen_nothing if name in UNSCREENED else look_up.screen,
            on_evaluation=lambda evaluation: curve.append(evaluation.reward),
        )
        for _ in search(ALGORITHMS[name](depth1_table.space(table), seed), score, ledger, budget):
            pass
        sampled = ledger.counts()["sampled"]
        ledger.close()
    return sampled, curve[:budget]


class LookUp:
    """An executor that trains nothing: rule -> its evaluation in the table.

    What the screen rejects is not in the table, and gets the reward 0; most of it would get little more.
    """

    def __init__(self, table):
        self.screen = Screen()
        self._table = table

    def __call__(self, rule):
        screening = self.screen(rule)
        # Nothing has flipped a rule that is here and ascends.
        descends = screening.rule and not screening.flipped
        found = self._table[screening.key] if descends else without_reward(rule, "screened", screening.reason)
        return dataclasses.replace(found, rule=rule)


def first_within(curve, threshold):
    """The number of rules trained when the first one of at least this reward was; inf if none was."""
    return next((i for i, reward in enumerate(curve, 1) if reward >= threshold), math.inf)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=1000, help="rules to train")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    done = load(arguments.budget)
    missing = [(name, seed) for name in arguments.algorithms for seed in seeds if (name, seed) not in done]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(arguments.workers, context, start_worker) as pool:
        futures = {pool.submit(replay, *job, arguments.budget): job for job in missing}
        for future in tqdm(concurrent.futures.as_completed(futures), total=len(futures), unit="run"):
            append(*futures[future], arguments.budget, *future.result())
    done = load(arguments.budget)
    report({name: [done[name, seed] for seed in seeds] for name in arguments.algorithms}, arguments)


def append(name, seed, budget, sampled, curve):
    with open(RECORDS, "a", newline="") as file:
        csv.writer(file).writerow([name, seed, budget, sampled, " ".join(f"{reward:.4f}" for reward in curve)])


def load(budget):
    """(algorithm, seed) -> (sampled, curve) of the finished runs of this budget."""
    if not RECORDS.exists():
        return {}
    with open(RECORDS, newline="") as file:
        return {
            (name, int(seed)): (int(sampled), [float(reward) for reward in curve.split()])
            for name, seed, of, sampled, curve in csv.reader(file)
            if int(of) == budget
        }


def report(runs, arguments):
    rng = np.random.default_rng(0)
    rewards = np.sort([e.reward for e in depth1_table.read().values()])[::-1]
    thresholds = {top: rewards[round(top * len(rewards)) - 1] for top in TOPS}
    print(
        f"\n{len(rewards)} rules; " + ", ".join(f"top {top:.1%}: reward >= {r:.4f}" for top, r in thresholds.items())
    )
    print(f"{arguments.seeds} seeds, median trained rules until the first of the top (95 % bootstrap interval)\n")
    print(f"{'algorithm':18s}" + "".join(f"{f'top {top:.1%}':>22s}" for top in TOPS) + "     mean best   sampled")
    figures = {}
    for name, results in runs.items():
        row = {}
        for top, threshold in thresholds.items():
            counts = [first_within(np.array(curve) + 5e-5, threshold) for _, curve in results]
            row[f"top_{top:g}"] = curves.median_interval(counts, rng)
        best = [max(curve) for _, curve in results]
        sampled = float(np.mean([n for n, _ in results]))
        cells = "".join(f"{f'{m:.0f} ({low:.0f}-{high:.0f})':>22s}" for m, low, high in row.values())
        print(f"{name:18s}{cells}{np.mean(best):14.4f}{sampled:10.0f}")
        # JSON has no infinity.
        finite = {top: [x if math.isfinite(x) else None for x in interval] for top, interval in row.items()}
        figures[name] = dict(finite, mean_best=float(np.mean(best)), sampled=sampled)
    curves.plot(
        {name: [curve for _, curve in results] for name, results in runs.items()},
        arguments.budget,
        RESULTS / "search_algorithms.png",
        f"Depth 1 on digits: mean of {arguments.seeds} searches, 95 % bootstrap bands",
        {f"top {top:.1%}": threshold for top, threshold in thresholds.items()},
    )
    print(json.dumps(dict(rules=len(rewards), seeds=arguments.seeds, budget=arguments.budget, algorithms=figures)))


if __name__ == "__main__":
    main()
