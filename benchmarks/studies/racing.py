"""What does racing save, and does it stop any of the best rules?

On each task, the known optimizers and random rules are measured in full, with all rates and seeds. Then the rules are
measured again in a race: ten at a time, against the best of those that have finished, at first the known optimizers.
Runs that were already made are not repeated, but their steps count again.

    python -m benchmarks.run racing --tasks digits images table --data_dir DATA

Full measurements are stored and never repeated; `alike_rules` reads the same files.
"""

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from benchmarks.studies.common.full_measurements import measure_in_full
from benchmarks.studies.common.sampled_rules import draw_distinct_rules
from benchmarks.studies.common.shared_flags import depth_flag, find_protocol, own_data_flag, runs_flag, workers_flag
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import full_name, set_data_directory
from neural_optimizer_search import Rule
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.racing import Bar, make_bar
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import TASKS, find_task
from neural_optimizer_search.tasks.protocol import Racing

TITLE = "what does racing save, and does it stop any of the best rules?"
BATCH = 10  # rules that race against one bar
BEST = 10  # rules that must not be stopped


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    tasks: Sequence[str] = flag(
        ("digits", "images", "table"),
        "tasks to measure rules on: shipped tasks and own models",
        choices=(*TASKS, *OWN_TASKS),
        nargs="+",
        metavar="NAME",
    )
    rules: int = flag(300, "random rules", parse=whole_number(1, 1_000_000))
    depth: int = depth_flag(2)
    seed: int = flag(0, "seed for drawing the rules", parse=whole_number(0))
    workers: Optional[int] = workers_flag()
    runs: pathlib.Path = runs_flag("full_measurements")
    data_dir: Optional[str] = own_data_flag()


class Raced(NamedTuple):
    """A rule measured in full and in a race, and the bar that it had to reach there (None if there was none)."""

    full: Evaluation
    raced: Evaluation
    bar: Optional[Bar]


def run(config: Config) -> dict[str, Any]:
    """Races random rules on each task; returns the share of steps taken, and how many of the best are stopped."""
    set_data_directory(config.data_dir)
    measured = {name: _race(name, config) for name in config.tasks}
    print("task        rules  steps a rule  raced  share  stopped after  ten best kept  stopped wrongly")
    rows = {name: _summarize(name, raced) for name, raced in measured.items()}
    shares = [row["steps_share"] for row in rows.values()]
    return dict(
        steps_share=max(shares),
        mean_steps_share=round(float(np.mean(shares)), 4),
        top10_stopped=max(row["top10_raced"] - row["top10_kept"] for row in rows.values()),
        rules=config.rules,
        depth=config.depth,
        seed=config.seed,
        tasks=rows,
    )


def _race(name, config) -> list[Raced]:
    """The known optimizers and all rules, in order; stored full measurements are read."""
    rules = draw_distinct_rules(config.seed, (config.depth,))
    measured = measure_in_full(name, rules, config.rules, config.runs / f"{name}.jsonl", config.workers)
    task = find_task(name if name in TASKS else full_name(name))
    evaluate = Evaluator(task, find_protocol(task, "default", racing=Racing()))
    evaluate.train = train = RememberedTraining(evaluate.train)
    done, bar = [Raced(one.evaluation, one.evaluation, None) for one in measured.known.values()], None
    for number, one in enumerate(tqdm(measured.found, unit="rule", desc=name)):
        if number % BATCH == 0:
            bar = make_bar([one.raced for one in done if one.raced.status == "ok"], Racing())
        train.runs = dict(one.runs)
        done.append(Raced(one.evaluation, evaluate(one.evaluation.rule, bar), bar))
    return done


class RememberedTraining:
    """Replaces a `ChildTraining`, and looks up runs that were already made.

    Args:
      train: The `ChildTraining` for all other runs.

    Attributes:
      runs: The training runs of the rule that is measured.
    """

    def __init__(self, train: Any):
        self._train = train
        self.runs: dict[RunPlan, TrainingRun] = {}

    def __call__(self, rule: Rule, plan: RunPlan) -> TrainingRun:
        if plan not in self.runs:
            self.runs[plan] = self._train(rule, plan)
        return self.runs[plan]


def _summarize(name, measured):
    """Prints the row of a task, and returns its figures."""
    drawn = measured[len(KNOWN_OPTIMIZERS) :]
    steps, raced_steps = (np.mean([getattr(one, kind).steps for one in drawn]) for kind in ("full", "raced"))
    stopped = [one for one in drawn if one.raced.status == "stopped"]
    stages = Counter(len(one.raced.rewards) for one in stopped)
    best = sorted(measured, key=lambda one: -one.full.reward)[:BEST]
    raced = [one for one in best if one.bar is not None]  # not the known optimizers, which are never stopped
    row = dict(
        rules=len(drawn),
        steps=round(float(steps), 1),
        raced_steps=round(float(raced_steps), 1),
        steps_share=round(float(raced_steps / steps), 4),
        stopped={("sweep" if runs == 0 else str(runs)): stages[runs] for runs in sorted(stages)},
        top10_raced=len(raced),
        top10_kept=sum(one.raced.status != "stopped" for one in raced),
        # Rules whose full reward would have reached the bar.
        stopped_wrongly=sum(one.bar is not None and one.full.reward >= one.bar.reward for one in stopped),
    )
    stages_text = ", ".join(f"{stage}: {count}" for stage, count in row["stopped"].items())
    print(
        f"{name:10s}  {row['rules']:5d}  {steps:12.0f}  {raced_steps:5.0f}  {row['steps_share']:5.1%}  "
        f"{stages_text}  {row['top10_kept']} of the {len(raced)} that raced  {row['stopped_wrongly']}"
    )
    return row
