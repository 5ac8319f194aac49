"""What does the screen reject, and how much of it would have been worth training?

At each depth: the shares of uniform samples that are rejected and flipped, and the time a look takes. Then children
are trained with a random sample of the rejected rules. A rejection is false if the rule gets at least the reward of
the worst of the six known optimizers.

    python -m benchmarks.screen_rejections --rules 200
"""

import argparse
import dataclasses
import itertools
import json
import time

import numpy as np
from neural_optimizer_search.workers.processes import ProcessExecutor

from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS

DEPTHS = (1, 2, 3, 4)
LOOKS = 20_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="digits")
    parser.add_argument("--rules", type=int, default=200, help="rejected rules to train, of each depth")
    parser.add_argument("--seeds_per_rule", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="sets the rules")
    parser.add_argument("--data_dir")
    arguments = parser.parse_args()
    task = TASKS[arguments.task]
    protocol = dataclasses.replace(task.protocols["default"], seeds=tuple(range(arguments.seeds_per_rule)))
    print(f"{LOOKS} uniform samples at each depth; {arguments.rules} of the rejected rules are trained\n")
    print("depth  rejected  flipped  ms a look  false rejections  best rejected")
    figures = {}
    with ProcessExecutor(task, protocol, arguments.data_dir) as executor:
        known = {e.rule: e.reward for e in executor(KNOWN_OPTIMIZERS.values())}
        for depth in DEPTHS:
            looked, rejected = look(depth, arguments.seed)
            chosen = list(itertools.islice(rejected.values(), arguments.rules))
            trained = sorted(executor(chosen), key=lambda e: -e.reward)
            false = [e for e in trained if e.reward >= min(known.values())]
            figures[depth] = dict(
                **looked,
                trained=len(trained),
                false=len(false),
                false_share=len(false) / len(trained),
                best=trained[0].reward,
            )
            print(
                f"{depth:5d}  {looked['rejected']:8.1%}  {looked['flipped']:7.1%}  {looked['ms']:9.2f}  "
                f"{len(false):3d} of {len(trained)} ({len(false) / len(trained):.1%})  "
                f"{trained[0].reward:.4f} {trained[0].rule.formula()}",
                flush=True,
            )
            for e in false[:5]:
                print(f"       {e.reward:.4f} {e.rule.formula()}")
    print("\nKnown optimizers: " + ", ".join(f"{name} {known[rule]:.4f}" for name, rule in KNOWN_OPTIMIZERS.items()))
    print(json.dumps(dict(task=arguments.task, seed=arguments.seed, worst_known=min(known.values()), depths=figures)))


def look(depth, seed):
    """(figures of the screen, canonical form -> rejected rule in the order in which they were drawn)."""
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


if __name__ == "__main__":
    main()
