"""Full measurements of rules, with every training run; on them, studies replay what a search would have done.

Measurements are stored in a file and never repeated, and several studies may share the file.
"""

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.shared_flags import find_protocol
from benchmarks.studies.own_tasks import NAMES as OWN_TASKS
from benchmarks.studies.own_tasks import full_name
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.probe import Descent
from neural_optimizer_search.measuring.recording import make_descent
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.rows import from_row, to_row, write_rule
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.alike import DESCENT
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.workers.config import WorkerConfig
from neural_optimizer_search.workers.executor import Ask


class FullMeasurement(NamedTuple):
    """The full measurement of a rule.

    Attributes:
      evaluation: Its `Evaluation`.
      runs: Every training run that was made for it.
    """

    evaluation: Evaluation
    runs: dict[RunPlan, TrainingRun]


class Measured(NamedTuple):
    """All full measurements on a task.

    Attributes:
      known: Known optimizers, by name.
      found: Sampled rules, in the order in which they were drawn.
      descent: The first gradients of the task's child.
    """

    known: dict[str, FullMeasurement]
    found: list[FullMeasurement]
    descent: Descent


@dataclass(frozen=True)
class AskForRuns(Ask):
    """Asks a worker for the evaluation of a rule and all its training runs."""

    def answer(self, evaluator: Any, rule: Rule) -> dict[str, Any]:
        evaluator.train, train = (recorded := _RecordedTraining(evaluator.train)), evaluator.train
        try:
            return dict(evaluation=to_row(evaluator(rule)), runs=recorded.runs)
        finally:
            evaluator.train = train


class _RecordedTraining:
    """A `ChildTraining` that records its runs as JSON-serializable values."""

    def __init__(self, train):
        self._train = train
        self.runs = []

    def __call__(self, rule, plan):
        trained = self._train(rule, plan)
        values = (value.tolist() if isinstance(value, np.ndarray) else value for value in trained)
        self.runs.append([plan._replace(schedule=str(plan.schedule)), list(values)])
        return trained


def measure_in_full(
    name: str,
    rules: Iterator[Rule],
    count: int,
    path: pathlib.Path,
    workers: Optional[int] = None,
    data_dir: Optional[str] = None,
) -> Measured:
    """Measures the known optimizers and rules in full, with the task's default protocol and without racing.

    Args:
      name: Name of a shipped task, or of one of `own_tasks`.
      rules: Rules, such as those of `draw_distinct_rules`.
      count: Number of rules.
      path: The file that stores measurements, each with the fields of its protocol.
      workers: Number of rules to measure at a time; None for one per core.
      data_dir: The `tensorflow_datasets` directory for shipped tasks.

    Raises:
      StudyFailed: If a rule cannot be measured.
    """
    task = find_task(full_name(name) if name in OWN_TASKS else name)
    protocol, kept = find_protocol(task, "default", racing=None), Kept(path)
    known, found = KNOWN_OPTIMIZERS, list(itertools.islice(rules, count))
    questions = [(CATALOGUE["adam"].rule, DESCENT), *((rule, _RUNS) for rule in (*known.values(), *found))]
    made = dict(task=name, protocol=repr(protocol))
    of = [dict(made, ask=ask.method, rule=write_rule(rule)) for rule, ask in questions]
    if missing := kept.find_missing(of):
        with WorkerConfig(workers=workers).open_executor(task, protocol, data_dir) as executor:
            kept.add_finished({executor.submit(*questions[i]): of[i] for i in missing}, "rule", _require)
    descent, *measured = (kept[one] for one in of)
    every = [_read(one) for one in measured]
    return Measured(dict(zip(known, every)), every[len(known) :], make_descent(descent))


_RUNS = AskForRuns("measure_in_full")  # the method's name is the one under which results are stored


def _require(answer):
    if isinstance(answer, Evaluation):
        raise StudyFailed(f"{answer.rule.formula():.100} cannot be measured: {answer.message}")
    return answer


def _read(one):
    runs = {_read_plan(*plan): TrainingRun(*map(_to_array, trained)) for plan, trained in one["runs"]}
    return FullMeasurement(from_row(one["evaluation"]), runs)


def _read_plan(rate, seed, steps, validate_every, schedule, weight_decay):
    return RunPlan(rate, seed, steps, validate_every, parse_schedule(schedule), weight_decay)


def _to_array(value) -> Any:
    return np.array(value, np.float32) if isinstance(value, list) else value


def pick_rewards(measurements: Sequence[FullMeasurement]) -> np.ndarray:
    """The rewards of each rule, `[rules, seeds]`."""
    return np.array([one.evaluation.rewards for one in measurements])
