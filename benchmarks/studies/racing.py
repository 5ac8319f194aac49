"""What does racing save, and does it stop any of the best rules?

On each task the known optimizers and random rules are measured twice, on the same training runs: to their end, with
all rates and seeds, and in a race. The known optimizers come first; then ten rules at a time race against the best of
what was measured to its end before. A run that both want is done once, and counted for both.

    python -m benchmarks.run racing --tasks digits images table --data_dir DATA

What is measured is kept, and never done twice.
"""

import dataclasses
import functools
import itertools
import pathlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.sampled_rules import draw_distinct_rules
from benchmarks.studies.common.shared_flags import depth_flag, find_protocol, own_data_flag, runs_flag
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import full_name, set_data_directory
from neural_optimizer_search import Rule
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.evaluation import Evaluation, without_reward
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.racing import Bar, make_bar
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS, find_task

TITLE = "what does racing save, and does it stop any of the best rules?"
# What is kept of an evaluation.
KEPT = ("status", "message", "reward", "rewards", "sweep_reward", "steps", "learning_rate")
BATCH = 10  # rules that race against one bar
BEST = 10  # rules that must not be stopped


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(
        ("digits", "images", "table"),
        "what rules are measured on: shipped tasks and own models",
        choices=(*TASKS, *OWN_TASKS),
        nargs="+",
        metavar="NAME",
    )
    rules: int = flag(300, "random rules", parse=whole_number(1, 1_000_000))
    depth: int = depth_flag(2)
    seed: int = flag(0, "sets the rules", parse=whole_number(0))
    data_dir: Optional[str] = own_data_flag()
    runs: pathlib.Path = runs_flag("racing")


class Raced(NamedTuple):
    """A rule, measured to its end and in a race, and what it had to reach there; None: nothing."""

    full: Evaluation
    raced: Evaluation
    bar: Optional[Bar]


def run(config: Config) -> dict[str, Any]:
    """Races random rules on each task; returns the share of steps it takes, and how many of the best it keeps."""
    set_data_directory(config.data_dir)
    drawn = itertools.islice(draw_distinct_rules(config.seed, (config.depth,)), config.rules)
    rules = [*KNOWN_OPTIMIZERS.values(), *drawn]
    measured = {name: _race(name, rules, config) for name in config.tasks}
    print("task        rules  steps a rule  raced  share  stopped after  best kept  stopped wrongly")
    rows = {name: _summarize(name, raced) for name, raced in measured.items()}
    shares, kept = ([row[key] for row in rows.values()] for key in ("steps_share", "top10_kept"))
    return dict(
        steps_share=max(shares),
        mean_steps_share=round(float(np.mean(shares)), 4),
        top10_kept=min(kept),
        rules=config.rules,
        depth=config.depth,
        seed=config.seed,
        tasks=rows,
    )


def _race(name, rules, config) -> list[Raced]:
    """All rules, in order; what was measured before is read."""
    task = find_task(name if name in TASKS else full_name(name))
    protocol = find_protocol(task, "default")
    measure = MeasureBothWays(task, protocol, config.runs / f"{name}-{config.depth}-{config.seed}.jsonl")
    done: list[Raced] = []
    bar = None
    for number, rule in enumerate(tqdm(rules, unit="rule", desc=name)):
        if number >= len(KNOWN_OPTIMIZERS) and (number - len(KNOWN_OPTIMIZERS)) % BATCH == 0:
            bar = make_bar([one.raced for one in done if one.raced.status == "ok"], protocol.racing)
        done.append(measure(rule, bar))
    return done


class MeasureBothWays:
    """Called with a rule and a bar, measures the rule to its end and in a race.

    Args:
      task, protocol: As for an `Evaluator`.
      path: The file that keeps what was measured.
    """

    def __init__(self, task: Any, protocol: Any, path: pathlib.Path):
        self._task, self._protocol = task, protocol
        self._kept = Kept(path)
        self._evaluate: Optional[Evaluator] = None

    def __call__(self, rule: Rule, bar: Optional[Bar]) -> Raced:
        of = dict(rule=rule.formula(), protocol=repr(self._protocol), bar=bar and dataclasses.astuple(bar))
        full, raced = self._kept.get(of, lambda: self._measure(rule, bar))
        return Raced(_restore(rule, full), _restore(rule, raced), bar)

    def _measure(self, rule, bar):
        if self._evaluate is None:  # traced when it is needed
            self._evaluate = Evaluator(self._task, self._protocol)
            self._train = self._evaluate.train
        evaluate = self._evaluate
        evaluate.train = functools.lru_cache(maxsize=None)(self._train)
        evaluations = []
        for racing in (None, self._protocol.racing):
            evaluate.protocol = dataclasses.replace(self._protocol, racing=racing)
            evaluations.append(evaluate(rule, bar))
        return [{name: getattr(one, name) for name in KEPT} for one in evaluations]


def _restore(rule, kept):
    evaluation = without_reward(rule, kept["status"], kept["message"])
    return dataclasses.replace(evaluation, **{**kept, "rewards": tuple(kept["rewards"])})


def _summarize(name, measured):
    """Prints the row of a task, and returns its figures."""
    drawn = measured[len(KNOWN_OPTIMIZERS) :]
    steps, raced_steps = (np.mean([getattr(one, kind).steps for one in drawn]) for kind in ("full", "raced"))
    stopped = [one for one in drawn if one.raced.status == "stopped"]
    stages = Counter(len(one.raced.rewards) for one in stopped)
    best = sorted(measured, key=lambda one: -one.full.reward)[:BEST]
    row = dict(
        rules=len(drawn),
        steps=round(float(steps), 1),
        raced_steps=round(float(raced_steps), 1),
        steps_share=round(float(raced_steps / steps), 4),
        stopped={("sweep" if runs == 0 else str(runs)): stages[runs] for runs in sorted(stages)},
        top10_kept=sum(one.raced.status != "stopped" for one in best),
        # Of these the reward, measured to the end, is not below what was needed.
        stopped_wrongly=sum(one.bar is not None and one.full.reward >= one.bar.reward for one in stopped),
    )
    stages_text = ", ".join(f"{stage}: {count}" for stage, count in row["stopped"].items())
    print(
        f"{name:10s}  {row['rules']:5d}  {steps:12.0f}  {raced_steps:5.0f}  {row['steps_share']:5.1%}  "
        f"{stages_text}  {row['top10_kept']} of {len(best)}  {row['stopped_wrongly']}"
    )
    return row
