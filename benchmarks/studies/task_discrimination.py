"""Does a task tell good rules from better ones? Six baselines and ten rules of Table 6, on fresh seeds.

Each repeat measures every rule with different seeds. A task discriminates when the healthy rules' mean rewards span
many deviations of one measurement. In a search, all rules share the same seeds, so the effect of the seeds that is
common to all rules disturbs no comparison. The deviation is given without this shared part, and with it.

    python -m benchmarks.run task_discrimination --task digits --repeats 5
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from benchmarks.studies.common.shared_flags import data_dir_flag, find_protocol, protocol_flag, task_flag
from neural_optimizer_search import parse_formula
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.config import WorkerConfig

TITLE = "does a task tell good rules from better ones?"
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


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    protocol: str = protocol_flag()
    repeats: int = flag(5, "measurements of each rule, each with different seeds", parse=whole_number(2, 1_000))
    data_dir: Optional[str] = data_dir_flag()
    workers: Optional[int] = flag(None, "worker processes", parse=whole_number(1, 1_000), default_text="one per core")


def run(config: Config) -> dict[str, Any]:
    """Measures all rules with fresh seeds, again and again; returns how many deviations their rewards span."""
    protocol = find_protocol(TASKS[config.task], config.protocol)
    rewards = _measure(TASKS[config.task], protocol, config)
    names, table = list(rewards), np.array(list(rewards.values()))  # [rule, repeat]
    means, healthy, deviations, raw_deviation = _find_deviations(table)
    seed_deviation = float(np.sqrt((deviations[healthy] ** 2).mean()))
    span = float(np.ptp(means[healthy]))
    print(f"\n{'rule':42s} {'reward':>7s}  deviation of one measurement")
    for i in np.argsort(-means):
        print(f"{names[i]:42s} {means[i]:7.4f}  {deviations[i]:.4f}")
    print(
        f"\n{healthy.sum()} healthy rules span {span:.3f} = {span / seed_deviation:.1f} seed deviations "
        f"({span / raw_deviation:.1f} with the shared part left in)."
    )
    return dict(
        task=config.task,
        protocol=config.protocol,
        repeats=config.repeats,
        healthy=int(healthy.sum()),
        span=span,
        seed_deviation=seed_deviation,
        raw_seed_deviation=raw_deviation,
        span_in_deviations=span / seed_deviation,
        means=dict(zip(names, means.tolist())),
    )


def _measure(task: Any, protocol: Any, config: Config) -> Mapping[str, Sequence[float]]:
    """Rule -> its reward in each repeat."""
    rules = {**KNOWN_OPTIMIZERS, **{formula: parse_formula(formula) for formula in TABLE_6}}
    rewards = {name: [] for name in rules}
    seeds = len(protocol.seeds)
    for repeat in range(config.repeats):
        fresh = dataclasses.replace(protocol, seeds=tuple(range(repeat * seeds, (repeat + 1) * seeds)))
        with WorkerConfig(workers=config.workers).open_executor(task, fresh, config.data_dir) as executor:
            by_rule = {evaluation.rule: evaluation for evaluation in executor(rules.values())}
        for name, rule in rules.items():
            rewards[name].append(by_rule[rule].reward)
        print(f"repeat {repeat + 1} of {config.repeats} done", flush=True)
    return rewards


def _find_deviations(table):
    """(mean, whether healthy, deviation) of each rule, and the deviation of all with the shared part left in."""
    means = table.mean(axis=1)
    healthy = means >= HEALTHY * means.max()
    raw = table - means[:, None]
    shared = raw[healthy].mean(axis=0)  # the effect of a repeat's seeds that all healthy rules share
    own = raw - shared
    freedom = table.shape[1] - 1
    deviations = np.sqrt((own**2).sum(axis=1) / freedom)
    return means, healthy, deviations, float(np.sqrt((raw[healthy] ** 2).sum() / freedom / healthy.sum()))
