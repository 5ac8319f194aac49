"""Real searches by several algorithms, and what the best found rules are worth on data that no search saw.

Each algorithm runs with each seed as `nos-search` would. Then the best rules of each algorithm, over its seeds, and
the six known optimizers are trained with fresh seeds: the learning rate is chosen on the validation split with the
fresh seeds and all rates, for known optimizers as for found ones, and the child is measured once on the test split.

    python -m benchmarks.real_search --algorithms ppo random evolution --seeds 5 --budget 300 --depth 2

Searches that were stopped go on, and those that are done are not repeated.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import statistics
from typing import NamedTuple

import numpy as np
from tf_agents_env.flags import ALGORITHMS

from benchmarks import curves
from benchmarks.curves import RESULTS
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.leaderboard import best
from neural_optimizer_search.tasks import TASKS
from tf_agents_env import train

FRESH_SEED = 1000  # the first of the seeds that no search trained with


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--protocol", default="default")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=["ppo", "random", "evolution"])
    parser.add_argument("--seeds", type=int, default=5, help="searches of each algorithm")
    parser.add_argument("--space", default="arxiv2017_no_decay")
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--budget", type=int, default=300, help="rules that a search trains")
    parser.add_argument("--top", type=int, default=5, help="rules of each algorithm to train again")
    parser.add_argument("--fresh_seeds", type=int, default=20)
    parser.add_argument("--data_dir")
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs", "real_search"))
    arguments = parser.parse_args()
    found = {name: [] for name in arguments.algorithms}
    for seed in range(arguments.seeds):
        for name in arguments.algorithms:
            run(name, seed, arguments)
            found[name].append(read(out(name, seed, arguments), arguments.budget))
    write(found, arguments)
    figures = report(found, arguments)
    print(json.dumps(dict(figures, test=report_test(found, arguments))))


def out(name, seed, arguments):
    return arguments.runs / f"{arguments.task}-{name}-{seed}"


def run(name, seed, arguments):
    """One search, from where it stopped."""
    directory = out(name, seed, arguments)
    settings = [f"--budget={arguments.budget}"]
    if arguments.data_dir:
        settings.append(f"--data_dir={arguments.data_dir}")
    if directory.exists():
        settings.append(f"--resume={directory}")
    else:
        # No cache: an algorithm would be given what another one has trained.
        new = dict(
            task=arguments.task,
            protocol=arguments.protocol,
            algorithm=name,
            seed=seed,
            space=arguments.space,
            depth=arguments.depth,
            cache="none",
            out=directory,
        )
        settings += [f"--{flag}={value}" for flag, value in new.items()]
    if code := train.main(settings):
        raise SystemExit(code)


class Run(NamedTuple):
    """What a search's ledger says: counts, the trained rules up to the budget, name -> reward of known optimizers."""

    counts: dict
    trained: list
    known: dict


def read(directory, budget):
    ledger = Ledger(directory / train.LEDGER, read_only=True)
    rewards = {e.rule: e.reward for e in ledger.evaluations("baseline")}
    known = {name: rewards[rule] for name, rule in KNOWN_OPTIMIZERS.items()}
    run = Run(ledger.counts(), ledger.evaluations("search")[:budget], known)
    ledger.close()
    return run


def write(found, arguments):
    """Keeps what the ledgers say: counts, and the rewards of the trained rules in order."""
    with open(RESULTS / f"real_search_{arguments.task}.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["algorithm", "seed", *next(iter(found.values()))[0].counts, "rewards"])
        for name, runs in found.items():
            for seed, run in enumerate(runs):
                rewards = " ".join(f"{e.reward:.4f}" for e in run.trained)
                table.writerow([name, seed, *run.counts.values(), rewards])


def report(found, arguments):
    """Prints and plots what the searches found; returns the figures."""
    rng = np.random.default_rng(0)
    budget = arguments.budget
    rewards = {name: [[e.reward for e in run.trained] for run in runs] for name, runs in found.items()}
    marks = sorted({min(budget, 100), budget})
    print(f"\nBest reward after so many trained rules, mean of {arguments.seeds} searches (95 % interval)\n")
    print(f"{'algorithm':10s}" + "".join(f"{mark:>25d}" for mark in marks) + "   sampled screened repeated diverged")
    figures = {}
    for name, runs in found.items():
        bests = {mark: [max(curve[:mark]) for curve in rewards[name]] for mark in marks}
        intervals = {mark: curves.mean_interval(values, rng) for mark, values in bests.items()}
        cells = "".join(f"{f'{m:.4f} ({low:.4f}-{high:.4f})':>25s}" for m, low, high in intervals.values())
        counts = {
            count: statistics.fmean(run.counts[count] for run in runs)
            for count in ("sampled", "screened", "repeated", "diverged")
        }
        print(f"{name:10s}{cells}   " + " ".join(f"{value:8.0f}" for value in counts.values()))
        figures[name] = dict(counts, best={mark: tuple(map(float, row)) for mark, row in intervals.items()})
    known = found[arguments.algorithms[0]][0].known
    curves.plot(
        rewards,
        budget,
        RESULTS / f"real_search_{arguments.task}.png",
        f"Depth {arguments.depth} on {arguments.task}: mean of {arguments.seeds} searches, 95 % bootstrap bands",
        {name: known[name] for name in ("Adam", "SGD")},
    )
    return dict(task=arguments.task, seeds=arguments.seeds, budget=budget, depth=arguments.depth, algorithms=figures)


def report_test(found, arguments):
    """Trains the best rules and the known optimizers with fresh seeds; prints and returns what they get."""
    rows = {(name, rule): reward for name, rule, reward in chosen(found, arguments)}
    known = found[arguments.algorithms[0]][0].known
    rows.update({(name, rule): known[name] for name, rule in KNOWN_OPTIMIZERS.items()})
    task = TASKS[arguments.task]
    seeds = tuple(range(FRESH_SEED, FRESH_SEED + arguments.fresh_seeds))
    protocol = dataclasses.replace(task.protocols[arguments.protocol], seeds=seeds, finalists=None)
    validate = Evaluator(task, protocol, arguments.data_dir)
    test = Evaluator(dataclasses.replace(task, on_test=True), protocol, arguments.data_dir)
    print(
        f"\nWith {len(seeds)} fresh seeds: mean reward (deviation of a seed) on the validation and the test split\n\n"
        f"{'found by':10s} {'search':>7s}  {'validation':>15s}  {'test':>15s}  {'accuracy':>8s}  update rule"
    )
    figures = []
    for (name, rule), reward in rows.items():
        validated = validate(rule)
        tested = validated  # if it diverges: its reward is 0
        if validated.learning_rate is not None:
            # One rate, as it is: there is nothing left to choose.
            test.protocol = dataclasses.replace(protocol, learning_rates=(validated.learning_rate,), centred=False)
            tested = test(rule)
        row = dict(found_by=name, rule=rule.formula(), search=reward, learning_rate=validated.learning_rate)
        for split, e in dict(validation=validated, test=tested).items():
            row.update({split: e.reward, f"{split}_deviation": float(np.std(e.rewards, ddof=1))})
        row["accuracy"] = tested.accuracy
        figures.append(row)
    for row in sorted(figures, key=lambda row: -row["test"]):
        cells = "  ".join(f"{row[s]:.4f} ({row[f'{s}_deviation']:.4f})" for s in ("validation", "test"))
        print(f"{row['found_by']:10s} {row['search']:7.4f}  {cells}  {row['accuracy']:8.4f}  {row['rule']}")
    return figures


def chosen(found, arguments):
    """The best distinct rules of each algorithm, over its seeds: (algorithm, rule, reward)."""
    for name, runs in found.items():
        by_key = {e.key: e for run in runs for e in run.trained}
        for e in best(by_key.values(), arguments.top):
            yield name, e.rule, e.reward


if __name__ == "__main__":
    main()
