"""The results of the best found rules and the known optimizers with fresh seeds, on the test split."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.studies.common.shared_flags import find_protocol
from benchmarks.studies.common.trainings import FRESH_SEED
from benchmarks.studies.real_search.searches import Searched
from neural_optimizer_search import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS


def measure_best_rules(found: dict[str, list[Searched]], config: Any) -> list[dict[str, Any]]:
    """Trains the best rules and the known optimizers with fresh seeds; prints and returns their rewards.

    The best rules are those of each algorithm over its seeds, and the best of each of its searches.
    """
    rows = {(name, rule): reward for name, rule, reward in choose_rules(found, config.top)}
    rows.update({(name, e.rule): e.reward for name, searches in found.items() for e in map(find_best, searches)})
    known = next(iter(found.values()))[0].known
    rows.update({(name, rule): known[name] for name, rule in KNOWN_OPTIMIZERS.items()})
    task = TASKS[config.task]
    seeds = tuple(range(FRESH_SEED, FRESH_SEED + config.fresh_seeds))
    protocol = find_protocol(task, config.protocol, seeds=seeds, finalists=None, racing=None)
    validate = Evaluator(task, protocol, config.data_dir)
    test = Evaluator(dataclasses.replace(task, on_test=True), protocol, config.data_dir)
    print(
        f"\nWith {len(seeds)} fresh seeds: mean reward (deviation over seeds) on the validation and test splits\n\n"
        f"{'found by':10s} {'search':>7s}  {'validation':>15s}  {'test':>15s}  {'accuracy':>8s}  update rule"
    )
    figures = [
        dict(found_by=name, rule=rule.formula(), search=reward, **_measure(rule, validate, test, protocol))
        for (name, rule), reward in rows.items()
    ]
    for row in sorted(figures, key=lambda row: -row["test"]):
        cells = "  ".join(f"{row[s]:.4f} ({row[f'{s}_deviation']:.4f})" for s in ("validation", "test"))
        print(f"{row['found_by']:10s} {row['search']:7.4f}  {cells}  {row['accuracy']:8.4f}  {row['rule']}")
    return figures


def count_better(found: dict[str, list[Searched]], figures: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """The number of searches of each algorithm whose best rule beats each known optimizer on the test split."""
    test = {row["rule"]: row["test"] for row in figures}
    counts = {
        name: {
            known: sum(test[find_best(one).rule.formula()] > test[rule.formula()] for one in searches)
            for known, rule in KNOWN_OPTIMIZERS.items()
        }
        for name, searches in found.items()
    }
    print("\nSearches whose best rule is better than a known optimizer, on the test split with fresh seeds")
    for name, of_known in counts.items():
        print(f"{name} (of {len(found[name])}): " + ", ".join(f"{known} {n}" for known, n in of_known.items()))
    return counts


def find_best(searched: Searched) -> Evaluation:
    """The evaluation of the best rule that a search trained."""
    return rank(searched.trained)[0]


def _measure(rule, validate, test, protocol):
    validated = validate(rule)
    tested = validated  # if it diverges, its reward is 0
    if validated.learning_rate is not None:
        # A single, uncentred rate: there is nothing left to choose.
        test.protocol = dataclasses.replace(protocol, learning_rates=(validated.learning_rate,), centred=False)
        tested = test(rule)
    row = dict(learning_rate=validated.learning_rate)
    for split, evaluation in dict(validation=validated, test=tested).items():
        row.update({split: evaluation.reward, f"{split}_deviation": float(np.std(evaluation.rewards, ddof=1))})
    return dict(row, accuracy=tested.accuracy)


def choose_rules(found: dict[str, list[Searched]], top: int) -> Iterator[tuple[str, Rule, float]]:
    """The best distinct rules of each algorithm, over its seeds: (algorithm, rule, reward)."""
    for name, searches in found.items():
        by_key = {e.key: e for one in searches for e in one.trained}
        for e in rank(by_key.values())[:top]:
            yield name, e.rule, e.reward
