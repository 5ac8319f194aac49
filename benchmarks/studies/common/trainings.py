"""Trainings of children, several at a time, stored in a file and never repeated."""

import contextlib
import dataclasses
import functools
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from benchmarks.studies.common.kept import Kept
from benchmarks.trials.processes import process_pool, set_environment
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.tasks.named_task import load
from neural_optimizer_search.tasks.protocol import mean_of_end

# The first seed of reported trainings. A winner must not be reported with a seed by which it was chosen, and searches
# and tunings choose theirs with seeds from 1000 on, or from 100,000 on.
FRESH_SEED = 2000


class Training(NamedTuple):
    """A training of a child over all its final steps.

    Attributes:
      task: A shipped task, or "module:task" of a module that also has `test`.
      rule: A formula, with its constants.
      rate: The learning rate, which the schedule multiplies by a factor in each step.
      seed: Seed of the training.
      schedule: Text of a schedule, such as "cosine, warm-up 0.1".
      weight_decay: Weight decay, relative to the rate.
      protocol: Protocol of the task.
      on_test: Whether to measure on the test data instead of the validation data.
    """

    task: str
    rule: str
    rate: float
    seed: int
    schedule: str = "constant"
    weight_decay: float = 0.0
    protocol: str = "default"
    on_test: bool = False


class Trained(NamedTuple):
    """The result of a training.

    Attributes:
      score: Mean of the last third of the scores, higher is better; 0 if it diverged.
      metric, loss: Means of their last thirds; None if it diverged.
      steps: Number of steps taken; fewer than all if it diverged.
      seconds: Processor time.
      curve: The score at each validation.
    """

    score: float
    metric: Optional[float]
    loss: Optional[float]
    steps: int
    seconds: float
    curve: tuple[float, ...] = ()


Train = Callable[[Sequence[Training]], list[Trained]]


@contextlib.contextmanager
def trainings(path: pathlib.Path, workers: int, data_dir: Optional[str] = None) -> Iterator[Train]:
    """A context that yields a callable: trainings -> their results, in the same order.

    Args:
      path: The file that stores them, each with the fields of its protocol.
      workers: Number of trainings at once, each in a process with one thread.
      data_dir: The `tensorflow_datasets` directory for shipped tasks.
    """
    set_environment()
    kept = Kept(path, lambda stored: Trained(**stored))
    with process_pool(workers) as pool:

        def train(wanted):
            of = [dict(one._asdict(), protocol=repr(load_protocol(one.task, one.protocol))) for one in wanted]
            missing = kept.find_missing(of)
            seeds = tuple(dict.fromkeys(wanted[i].seed for i in missing))
            running = {pool.submit(train_once, wanted[i], data_dir, seeds): of[i] for i in missing}
            kept.add_finished(running, "training", Trained._asdict)
            return [kept[one] for one in of]

        yield train


@functools.cache
def load_protocol(task: str, name: str) -> Any:
    """The protocol of a `Training`."""
    return find_task(task).protocols[name]


def train_once(training: Training, data_dir: Optional[str] = None, seeds: Sequence[int] = ()) -> Trained:
    """Trains a child; `seeds` are those of trainings that will soon follow."""
    protocol = load_protocol(training.task, training.protocol)
    how = protocol.final_steps, protocol.validate_every, parse_schedule(training.schedule), training.weight_decay
    child_training = _trace(training.task, training.protocol, training.on_test, data_dir)
    child_training.prepare(seeds)
    started = time.process_time()
    run = child_training(parse_formula(training.rule), RunPlan(training.rate, training.seed, *how))
    seconds = round(time.process_time() - started, 3)
    ok = run.finite and bool(np.isfinite(run.losses).all())
    ends = [float(mean_of_end(values)) for values in (run.scores, run.metrics, run.losses)]
    curve = tuple(map(float, run.scores))
    return Trained(*(ends if ok else (0.0, None, None)), run.steps, seconds, curve)


def find_task(name: str, on_test: bool = False) -> Any:
    """The task of a `Training`."""
    if name in TASKS:
        return dataclasses.replace(TASKS[name], on_test=on_test)
    return load(name.replace(":task", ":test") if on_test else name)


@functools.lru_cache(maxsize=8)
def _trace(task, protocol, on_test, data_dir):
    found = find_task(task, on_test)
    return ChildTraining(found.child(found.protocols[protocol], data_dir))
