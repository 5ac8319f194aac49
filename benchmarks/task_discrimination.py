"""Does a task tell good rules from better ones? Six baselines and ten rules of Table 6, on fresh seeds.

Each repeat measures every rule with other seeds. A task discriminates when the healthy rules' mean rewards span many
deviations of one measurement. In a search every rule has the same seeds, so what a choice of seeds does to all rules
alike confuses no comparison; the deviation is given with that part taken out, and with it left in.

    python -m benchmarks.task_discrimination --task digits --repeats 5
"""

import argparse
import dataclasses
import json

import numpy as np
from neural_optimizer_search.workers.processes import ProcessExecutor

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS

TABLE_6 = (
    "m * (1 + eps) * sigmoid(1e-4*w)",
    "sign(m) * sqrt(|g|)",
    "sign(g) * sign(m) * m",
    "(1 + sign(g) * sign(m)) * sign(g)",
    "sqrt(|g|) * g",
    "(1 + sign(g) * sign(m)) * Adam",
    "clip(m, 1e-4) * exp(v)",
    "drop(g, 0.3) * exp(sign(g) * sign(m))",
    "exp(g) - exp(m)",
    "clip(RMSProp, 1e-5) + drop(m, 0.3)",
)
# A rule that learns nothing useful says nothing about how well useful ones are told apart.
HEALTHY = 0.5  # of the best rule's reward


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--protocol", default="default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data_dir")
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    protocol = task.protocols[arguments.protocol]
    rules = {**KNOWN_OPTIMIZERS, **{formula: parse_formula(formula) for formula in TABLE_6}}

    rewards = {name: [] for name in rules}
    seeds = len(protocol.seeds)
    for repeat in range(arguments.repeats):
        fresh = dataclasses.replace(protocol, seeds=tuple(range(repeat * seeds, (repeat + 1) * seeds)))
        with ProcessExecutor(task, fresh, arguments.data_dir, arguments.workers) as executor:
            by_rule = {evaluation.rule: evaluation for evaluation in executor(rules.values())}
        for name, rule in rules.items():
            rewards[name].append(by_rule[rule].reward)
        print(f"repeat {repeat + 1} of {arguments.repeats} done", flush=True)
    report(rewards, arguments)


def report(rewards, arguments):
    names = list(rewards)
    table = np.array([rewards[name] for name in names])  # [rule, repeat]
    means = table.mean(axis=1)
    healthy = means >= HEALTHY * means.max()
    raw = table - means[:, None]
    shared = raw[healthy].mean(axis=0)  # what a repeat's seeds do to all healthy rules alike
    own = raw - shared
    freedom = table.shape[1] - 1
    deviations = np.sqrt((own**2).sum(axis=1) / freedom)
    seed_deviation = float(np.sqrt((deviations[healthy] ** 2).mean()))
    raw_deviation = float(np.sqrt((raw[healthy] ** 2).sum() / freedom / healthy.sum()))
    span = float(np.ptp(means[healthy]))
    print(f"\n{'rule':42s} {'reward':>7s}  deviation of one measurement")
    for i in np.argsort(-means):
        print(f"{names[i]:42s} {means[i]:7.4f}  {deviations[i]:.4f}")
    print(
        f"\n{healthy.sum()} healthy rules span {span:.3f} = {span / seed_deviation:.1f} seed deviations "
        f"({span / raw_deviation:.1f} with the shared part left in)."
    )
    figures = dict(
        task=arguments.task,
        protocol=arguments.protocol,
        repeats=arguments.repeats,
        healthy=int(healthy.sum()),
        span=span,
        seed_deviation=seed_deviation,
        raw_seed_deviation=raw_deviation,
        span_in_deviations=span / seed_deviation,
        means=dict(zip(names, means.tolist())),
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
