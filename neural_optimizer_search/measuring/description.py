"""Describes and checks a task before the first rule is measured on it."""

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.code_hash import hash_files
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.measuring.rule_runs import is_finite
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.task_checks import (
    Repeated,
    UnsuitableTask,
    describe_few,
    describe_other_data,
    describe_other_model,
    describe_shared,
    find_first_step_not_finite,
    find_single_class,
    find_standstill,
    find_state_outside,
    find_wrong_scores,
)
from neural_optimizer_search.measuring.token_optimizer import TokenOptimizer
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks.child import Child, eager_functions, gather, hash_data, length
from neural_optimizer_search.tasks.finite_data import NotFinite, find_not_finite
from neural_optimizer_search.tasks.keras_steps import clipping_of, replace_optimizer
from neural_optimizer_search.tasks.named_task import NamedTask, is_same_loss
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task

ADAM_RATE = 1e-3


@dataclass(frozen=True)
class Description:
    """A task's model and data, and the cost of measuring a rule on it.

    Attributes:
      trainable, frozen: Numbers of weights that training changes, and of those that it leaves unchanged.
      train_examples, validation_examples: Numbers of examples.
      batch_size: Examples per step.
      validation_batch_size: Examples per validation batch; None if the task does not say.
      steps: Maximum number of training steps per rule; rules that are stopped early take fewer.
      seconds: Duration of these steps with Adam in one thread, estimated from two timed runs.
      data_bytes: Memory of the data in each process.
      peak_bytes: Peak memory of this process.
      metric_name: The metric from which the score is computed.
      scale: The values of the metric that have the scores 0 and 1.
      metric, score, loss: Values for the untrained model with the protocol's first seed.
      notes: Warnings, as sentences.
      fingerprint: The `Fingerprint` of a user's own task; None for a shipped task.
    """

    trainable: int
    frozen: int
    train_examples: int
    validation_examples: int
    batch_size: int
    validation_batch_size: Optional[int]
    steps: int
    seconds: float
    data_bytes: int
    peak_bytes: int
    metric_name: str
    scale: tuple[float, float]
    metric: float
    score: float
    loss: float
    notes: tuple[str, ...]
    fingerprint: Optional[Fingerprint]


def describe_task(task: Task, protocol: Protocol, data_dir: Optional[str] = None) -> Description:
    """Trains with Adam to describe a task, and to check that its rewards will be meaningful.

    Args:
      task, protocol, data_dir: See `Evaluator`.

    Raises:
      UnsuitableTask: If they will not be; the message has all reasons. Shipped tasks are not checked.
    """
    is_own = task.identity(protocol) is None
    once = task.child(protocol, data_dir) if is_own else None
    child = task.child(protocol, data_dir)
    training = ChildTraining(child)
    untrained = training.measure_untrained(protocol.seeds[0])
    hashes: dict[str, str] = {}
    problems: list[str] = []
    not_finite: list[NotFinite] = []
    if once is not None:
        hashes, not_finite = hash_data(child), list(find_not_finite(child.train, child.validation))
        problems += describe_other_data(hash_data(once), hashes)
        problems += _find_other_model(task, protocol, data_dir, once, child)
        # Told before the trainings: they take long, and may not even come to these examples.
        if harmful := [part.refusal for part in not_finite if not _is_masked(part, child, untrained)]:
            raise UnsuitableTask(" ".join([*problems, *harmful, *find_single_class(child)]))
    trial = _try_adam(training, protocol)
    if once is not None:
        problems += _find_problems(child, untrained, trial.repeated, not_finite)
        if problems:
            raise UnsuitableTask(" ".join(problems))
    score, loss, metric = map(float, untrained + 0.0)  # no -0
    trainable, frozen = training.count_weights()
    return Description(
        trainable=trainable,
        frozen=frozen,
        train_examples=length(child.train),
        validation_examples=length(child.validation),
        batch_size=child.batch_size,
        validation_batch_size=getattr(child.validate, "batch_size", None),
        steps=_count_steps(protocol),
        seconds=trial.seconds,
        data_bytes=_count_bytes(child.train) + _count_bytes(child.validation),
        peak_bytes=_peak_bytes(),
        metric_name=child.metric_name,
        scale=child.scale,
        metric=metric,
        score=score,
        loss=loss,
        notes=tuple(_find_notes(child, untrained, trial, not_finite)) if is_own else (),
        fingerprint=_take_fingerprint(task, protocol, once, hashes, trial) if once is not None else None,
    )


def _find_other_model(task, protocol, data_dir, once, child) -> Iterator[str]:
    # The first model may also build layers that live outside of the factory, after which the factory draws other
    # weights. So if the first two models differ, the second is compared with a third.
    if not is_same_loss(once.untrained_loss, child.untrained_loss):
        yield from describe_other_model(child, task.child(protocol, data_dir))


def _take_fingerprint(task, protocol, child, hashes, trial):
    """The fingerprint, with the untrained loss of the child that was created first, as in a worker."""
    untrained = float("nan") if child.untrained_loss is None else child.untrained_loss
    trained = float(trial.repeated.first.losses[-1])
    worst, best = child.scale
    return Fingerprint(
        code=_hash_code(task),
        data=hashes,
        untrained=_round(untrained),
        trained=_round(trained),
        metric=child.metric_name,
        worst=_round(worst),
        best=_round(best),
        schedules="; ".join(map(str, protocol.schedules)),
    )


def _is_masked(part: NotFinite, child: Child, untrained: np.ndarray) -> bool:
    """Whether NaN and infinity in a part of the data do not reach the loss or the weights.

    The validation has all its examples. Of the training data, a batch with the first of these examples is tried.
    """
    if part.argument == "validation":
        _, loss, _ = untrained
        return bool(np.isfinite(loss))
    model = child.make_model()
    optimizer = TokenOptimizer(**clipping_of(model))
    replace_optimizer(model, optimizer)
    batch = gather(child.train, tf.constant(np.resize(part.rows, child.batch_size)))
    with eager_functions():
        loss = child.train_step(model, batch)
    return bool(np.isfinite(loss) and np.isfinite(optimizer.weights_sum))


class _Trial(NamedTuple):
    repeated: Repeated
    seconds: float


def _try_adam(training, protocol) -> _Trial:
    """Trains two final runs with one seed, and between them another seed in runs of the sweep."""
    adam = parse_formula("Adam")
    seed = protocol.seeds[0]
    other = seed + 1
    outside = training.find_foreign_variables()
    before = [variable.numpy() for variable in outside]
    final = RunPlan(ADAM_RATE, seed, protocol.final_steps, protocol.validate_every)
    first = training(adam, final)
    training(adam, RunPlan(ADAM_RATE, other, 1, 1))  # creates the seed's weights, which happens once for all rules
    _, sweep_seconds = _time(training, adam, RunPlan(ADAM_RATE, other, protocol.sweep_steps, protocol.sweep_steps))
    again, final_seconds = _time(training, adam, final)
    changed = [
        variable.name for variable, value in zip(outside, before) if variable.numpy().tobytes() != value.tobytes()
    ]
    seconds = _count_sweeps(protocol) * sweep_seconds + _count_final_runs(protocol) * final_seconds
    return _Trial(Repeated(first, again, changed), seconds)


def _time(training, *arguments):
    started = time.perf_counter()
    return training(*arguments), time.perf_counter() - started


def _count_steps(protocol):
    probe = protocol.probe_steps if protocol.centred else 0
    sweeps = _count_sweeps(protocol) * protocol.sweep_steps
    return probe + sweeps + _count_final_runs(protocol) * protocol.final_steps


def _count_sweeps(protocol):
    """The maximum number of runs in a sweep: all rates with the first seed, and the finalists with the others."""
    rates = len(protocol.learning_rates)
    finalists = rates if protocol.finalists is None else min(protocol.finalists, rates)
    return rates + finalists * (len(protocol.seeds) - 1)


def _count_final_runs(protocol):
    """The number of final runs: all pairs of schedule and weight decay with the first seed, one with the others."""
    pairs = len(protocol.schedules) * len(protocol.weight_decays)
    # With racing, the first seed trains with its own best rate before the other seeds may choose another one.
    return pairs * (2 if protocol.racing else 1) + len(protocol.seeds) - 1


def _find_problems(child, untrained, repeated, not_finite) -> Iterator[str]:
    if not _has_finite_losses(untrained, repeated.first):
        yield from (part.refusal for part in not_finite)
    yield from find_single_class(child)
    yield from find_wrong_scores(child, untrained, repeated)
    yield from find_state_outside(repeated)
    yield from find_standstill(repeated)
    yield from find_first_step_not_finite(repeated)


def _has_finite_losses(untrained, run) -> bool:
    """Whether the loss is finite before and during training: then NaN in the data are masked, or imputed."""
    _, loss, _ = untrained
    return bool(np.isfinite(loss)) and is_finite(run)


def _find_notes(child, untrained, trial, not_finite) -> Iterator[str]:
    yield from child.notes
    yield from describe_shared(child)
    yield from describe_few(child)
    run = trial.repeated.first
    if _has_finite_losses(untrained, run):
        yield from (part.note for part in not_finite)
    if not run.finite:
        yield f"Adam with the learning rate {ADAM_RATE:g} diverged at step {run.steps}."


def _round(number):
    return float(f"{number:.6g}")


def _hash_code(task):
    return hash_files(task.name.partition(":")[0]) if isinstance(task, NamedTask) else {}


def _count_bytes(data):
    parts = [np.asarray(part) for part in tf.nest.flatten(data, expand_composites=True)]
    return sum(sum(map(len, part.flat)) if part.dtype == object else part.nbytes for part in parts)


def _peak_bytes():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
