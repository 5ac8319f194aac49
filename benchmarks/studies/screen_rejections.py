"""What does the screen reject, and how much of it would have been worth training?

At each depth, the study measures the shares of uniform samples that are rejected and flipped, and the time per rule.
Then it trains children with a random sample of the rejected rules. A rejection is false if the rule's reward is at
least that of the worst of the six known optimizers.

    python -m benchmarks.run screen_rejections --rules 200
"""

import dataclasses
import itertools
import time
from typing import Any, Optional

import numpy as np

from benchmarks.studies.common.shared_flags import data_dir_flag, find_protocol, task_flag
from neural_optimizer_search import Rule
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.config import WorkerConfig

TITLE = "what does the screen reject, and how much of it would have been worth training?"
DEPTHS = (1, 2, 3, 4)
LOOKS = 20_000


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    rules: int = flag(200, "rejected rules to train at each depth", parse=whole_number(1, 1_000_000))
    seeds_per_rule: int = flag(3, "trainings of each rule", parse=whole_number(1, 1_000))
    seed: int = flag(0, "seed for drawing the rules", parse=whole_number(0))
    data_dir: Optional[str] = data_dir_flag()


def run(config: Config) -> dict[str, Any]:
    """Screens samples of each depth and trains some of the rejected rules; returns the shares of each depth."""
    task = TASKS[config.task]
    protocol = find_protocol(task, "default", seeds=tuple(range(config.seeds_per_rule)))
    print(f"{LOOKS} uniform samples at each depth; {config.rules} of the rejected rules are trained\n")
    print("depth  rejected  flipped  ms a rule  false rejections  best rejected")
    with WorkerConfig().open_executor(task, protocol, config.data_dir) as executor:
        known = {e.rule: e.reward for e in executor(KNOWN_OPTIMIZERS.values())}
        worst = min(known.values())
        figures = {depth: _measure_depth(depth, executor, worst, config) for depth in DEPTHS}
    print("\nKnown optimizers: " + ", ".join(f"{name} {known[rule]:.4f}" for name, rule in KNOWN_OPTIMIZERS.items()))
    return dict(task=config.task, seed=config.seed, worst_known=worst, depths=figures)


def _measure_depth(depth, executor, worst, config):
    """Prints the row of a depth and returns its figures."""
    looked, rejected = look(depth, config.seed)
    chosen = list(itertools.islice(rejected.values(), config.rules))
    trained = sorted(executor(chosen), key=lambda e: -e.reward)
    false = [e for e in trained if e.reward >= worst]
    share, best = len(false) / len(trained), trained[0]
    print(
        f"{depth:5d}  {looked['rejected']:8.1%}  {looked['flipped']:7.1%}  {looked['ms']:9.2f}  "
        f"{len(false):3d} of {len(trained)} ({share:.1%})  {best.reward:.4f} {best.rule.formula()}",
        flush=True,
    )
    for e in false[:5]:
        print(f"       {e.reward:.4f} {e.rule.formula()}")
    return dict(**looked, trained=len(trained), false=len(false), false_share=share, best=best.reward)


def look(depth: int, seed: int) -> tuple[dict[str, float], dict[str, Rule]]:
    """(figures of the screen, rejected rules by canonical form in the order in which they were drawn)."""
    space, screen = search_space("arxiv2017_no_decay", depth), Screen()
    rules = [space.decode(tokens) for tokens in space.sample(np.random.default_rng(seed), LOOKS)]
    started = time.perf_counter()
    screenings = [screen(rule) for rule in rules]
    seconds = time.perf_counter() - started
    rejected = {rule.canonical(): rule for rule, screening in zip(rules, screenings) if not screening.rule}
    figures = dict(
        rejected=sum(not screening.rule for screening in screenings) / LOOKS,
        flipped=sum(screening.flipped for screening in screenings) / LOOKS,
        ms=1000 * seconds / LOOKS,
    )
    return figures, rejected
