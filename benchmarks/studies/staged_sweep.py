"""What does a two-stage sweep save and lose, compared with a sweep of all rates with all seeds?

Each rule is evaluated with every number of finalists, on the same training runs. A choice counts as equally good if
it is the same learning rate, or if the reward differs by at most one standard deviation over seeds.

    python -m benchmarks.run staged_sweep --rules 200
"""

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.studies.common.sampled_rules import draw_distinct_rules
from benchmarks.studies.common.shared_flags import find_protocol, task_flag
from neural_optimizer_search import Rule
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.tasks import TASKS

TITLE = "what does a two-stage sweep save, and what does it lose?"
DEPTHS = (1, 2, 3)


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    rules: int = flag(200, "rules to evaluate", parse=whole_number(1, 1_000_000))
    seed: int = flag(0, "seed for drawing the rules", parse=whole_number(0))


def run(config: Config) -> dict[str, Any]:
    """Evaluates random rules with every number of finalists; returns the cost and effect of each number."""
    task = TASKS[config.task]
    protocol = find_protocol(task, "default", racing=None)
    evaluate = Evaluator(task, protocol)
    evaluate.train = train = CountedTraining(evaluate.train)
    table = []
    for rule in tqdm(list(itertools.islice(draw_distinct_rules(config.seed, DEPTHS), config.rules)), unit="rule"):
        row = []
        for finalists in range(1, len(protocol.learning_rates) + 1):
            evaluate.protocol = dataclasses.replace(protocol, finalists=finalists)
            train.steps = {}
            evaluation = evaluate(rule)
            row.append((evaluation, train.steps.get(protocol.sweep_steps, 0), sum(train.steps.values())))
        table.append(row)
    print(f"\n{len(table)} rules, {len(table[0][-1][0].rewards)} seeds\n")
    print("finalists  same rate  same or within noise  sweep's steps  all steps  reward - full sweep's")
    *_, full = zip(*table)
    figures = {finalists: _summarize(finalists, staged, full) for finalists, staged in enumerate(zip(*table), 1)}
    diverged = sum(evaluation.status == "diverged" for evaluation, _, _ in full)
    print(f"\n{diverged} of the rules diverge.")
    return dict(task=config.task, rules=len(table), seed=config.seed, finalists=figures)


class CountedTraining:
    """A `ChildTraining` that repeats no run, but counts its steps again, by length of run."""

    def __init__(self, train: Any):
        self._train = functools.lru_cache(maxsize=1000)(train)
        self.steps = {}

    def __call__(self, rule: Rule, plan: RunPlan) -> Any:
        trained = self._train(rule, plan)
        self.steps[plan.steps] = self.steps.get(plan.steps, 0) + trained.steps
        return trained


def _summarize(finalists, staged, full):
    """Prints the row of a number of finalists, compared with the full sweep, and returns its figures."""
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
    print(
        f"{finalists:9d}  {row['same']:9.1%}  {row['as_good']:20.1%}  {sweep:13.1%}  {total:9.1%}  "
        f"{row['difference']:+.4f} (worst {row['worst']:+.4f})"
    )
    return {name: round(float(value), 4) for name, value in row.items()}
