"""What does a sweep of two stages save, and what does it lose? Against the sweep of all rates with all seeds.

Each rule is evaluated with every number of finalists, on the same training runs. A choice is as good if it is the
same learning rate, or if the reward differs by no more than one deviation of a seed.

    python -m benchmarks.staged_sweep --rules 200
"""

import argparse
import dataclasses
import functools
import itertools
import json

import numpy as np
from tqdm import tqdm

from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.tasks import TASKS

DEPTHS = (1, 2, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="sets the rules")
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    protocol = task.protocols["default"]
    evaluate = Evaluator(task, protocol)
    evaluate.train = train = Counted(evaluate.train)
    choices = range(1, len(protocol.learning_rates) + 1)
    table = []
    for rule in tqdm(list(itertools.islice(distinct_rules(arguments.seed), arguments.rules)), unit="rule"):
        row = []
        for finalists in choices:
            evaluate.protocol = dataclasses.replace(protocol, finalists=finalists)
            train.steps = {}
            evaluation = evaluate(rule)
            row.append((evaluation, train.steps.get(protocol.sweep_steps, 0), sum(train.steps.values())))
        table.append(row)
    report(table, arguments)


class Counted:
    """A `ChildTraining` that does no run twice, and counts the steps of each kind of run as if it did."""

    def __init__(self, train):
        self._train = functools.lru_cache(maxsize=1000)(train)
        self.steps = {}

    def __call__(self, tokens, rate, seed, steps, validate_every):
        run = self._train(tuple(tokens), rate, seed, steps, validate_every)
        self.steps[steps] = self.steps.get(steps, 0) + run.steps
        return run


def distinct_rules(seed):
    """Random rules that the screen lets pass, of each depth in turn."""
    rng, screen, seen = np.random.default_rng(seed), Screen(), set()
    for depth in itertools.cycle(DEPTHS):
        space = search_space("arxiv2017_no_decay", depth)
        draws = (screen(space.decode(space.sample(rng, 1)[0])) for _ in itertools.count())
        screening = next(drawn for drawn in draws if drawn.rule and drawn.key not in seen)
        seen.add(screening.key)
        yield screening.rule


def report(table, arguments):
    print(f"\n{len(table)} rules, {len(table[0][-1][0].rewards)} seeds\n")
    print("finalists  same rate  same or within noise  sweep's steps  all steps  reward - full sweep's")
    figures = {}
    *_, full = zip(*table)
    for finalists, staged in enumerate(zip(*table), 1):
        same = [s.learning_rate == f.learning_rate for (s, _, _), (f, _, _) in zip(staged, full)]
        difference = np.array([s.reward - f.reward for (s, _, _), (f, _, _) in zip(staged, full)])
        noise = np.array([np.std(f.rewards, ddof=1) for f, _, _ in full])
        sweep, total = (sum(s[i] for s in staged) / sum(f[i] for f in full) for i in (1, 2))
        row = dict(
            same=np.mean(same),
            as_good=np.mean(same | (np.abs(difference) <= noise)),
            sweep_cost=sweep,
            cost=total,
            difference=difference.mean(),
            worst=difference.min(),
        )
        figures[finalists] = {name: round(float(value), 4) for name, value in row.items()}
        print(
            f"{finalists:9d}  {row['same']:9.1%}  {row['as_good']:20.1%}  {sweep:13.1%}  {total:9.1%}  "
            f"{row['difference']:+.4f} (worst {row['worst']:+.4f})"
        )
    diverged = sum(f.status == "diverged" for f, _, _ in full)
    print(f"\n{diverged} of the rules diverge.")
    print(json.dumps(dict(task=arguments.task, rules=len(table), seed=arguments.seed, finalists=figures)))


if __name__ == "__main__":
    main()
