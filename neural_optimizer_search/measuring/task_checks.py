"""Finds problems of a task before any rule is measured on it; each finding is a sentence that says what to do."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.outcome import describe_wrong_scores
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.tasks.child import Child, length
from neural_optimizer_search.tasks.data_hash import count_shared
from neural_optimizer_search.tasks.data_parts import split_data
from neural_optimizer_search.tasks.named_task import is_same_loss
from neural_optimizer_search.user_error import UserError

FEW = 10  # validation examples


class UnsuitableTask(UserError):
    """The task's rewards would be meaningless; the message has a sentence for each reason."""


class Repeated(NamedTuple):
    """Two runs with the same rule, rate and seed, with another seed's runs between them.

    Attributes:
      first, again: The two `TrainingRun`s.
      changed: Names of the variables outside of the child whose values changed meanwhile.
    """

    first: TrainingRun
    again: TrainingRun
    changed: list[str]


def find_single_class(child: Child) -> Iterator[str]:
    """A sentence if all validation targets are of one class, for a metric where higher is better."""
    worst, best = child.scale
    _, targets, _ = split_data(child.validation)
    targets = [] if targets is None else tf.nest.flatten(targets)
    if child.is_plain and worst < best and len(targets) == 1 and not isinstance(targets[0], tf.RaggedTensor):
        classes = _classes(np.asarray(targets[0]))
        if classes is not None and len(np.unique(classes)) == 1:
            yield (
                f"Argument `validation` must have targets of several classes for the metric {child.metric_name!r}. "
                f"Received: {classes.flat[0]} in all of them. Shuffle the examples before they are split."
            )


def find_wrong_scores(child: Child, untrained: np.ndarray, repeated: Repeated) -> Iterator[str]:
    """A sentence if scores are NaN or out of range, or if the untrained model already has the best score."""
    score, _, metric = map(float, untrained)
    if np.isnan([metric, *repeated.first.metrics]).all():
        yield (
            f"The {child.metric_name} is nan before and after a training with Adam, so that no rule would have a "
            "reward. Look at what it computes, and at the data."
        )
        return
    outside = describe_wrong_scores([score, *map(float, repeated.first.scores)], child.scale)
    if outside:
        yield outside
    elif score >= 1.0:
        yield (
            f"The untrained model has the best score: its {child.metric_name} is {metric:.4g}, and "
            f"{child.scale[1]:.4g} has the score 1. Look at the targets of `validation`, and at the metric."
        )


def find_state_outside(repeated: Repeated) -> Iterator[str]:
    """A sentence if a run depends on the runs before it."""
    if _bytes(repeated.first) == _bytes(repeated.again):
        return
    first, again = repeated.first.losses[-1], repeated.again.losses[-1]
    told = f"the loss {first:.6g}, then {again:.6g}" if first != again else "losses or scores that differ"
    cause = (
        f"The runs change what is outside of `model`: {', '.join(repeated.changed)}. Make the layers that have it in "
        "that function."
        if repeated.changed
        else "Random numbers must come from layers of Keras that `model` makes, or from TensorFlow's normal, "
        "truncated_normal, uniform, shuffle, categorical or dropout."
    )
    yield f"Argument `model` must make all that changes in training: Adam with one seed gave {told}. {cause}"


def find_standstill(repeated: Repeated) -> Iterator[str]:
    """A sentence if no weight changes in training."""
    if repeated.first.update_rms == 0.0:
        yield (
            "A training with Adam changes no weight: the gradient is 0. Look at the loss, at the sample weights of "
            "`train`, and at which layers are trainable."
        )


def find_first_step_not_finite(repeated: Repeated) -> Iterator[str]:
    """A sentence if the first step of a training already diverges, as it would with any rule."""
    if not repeated.first.finite and repeated.first.steps == 1:
        yield (
            "The loss or its gradient is not finite in the first step of a training, so that no rule can train the "
            "model. Look at what the model and the loss compute in training."
        )


def describe_few(child: Child) -> Iterator[str]:
    """A sentence if there are too few validation examples to tell rules apart."""
    count = length(child.validation)
    if count < FEW:
        yield f"Rewards rest on {count_of(count, 'validation example')}: differences are mostly chance."


def describe_other_data(hashes: Mapping[str, str], again: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each part of the data that differs when it is read again."""
    for argument in hashes:
        if hashes[argument] != again[argument]:
            yield (
                f"Argument `{argument}` must give the same examples in the same order each time, else rewards cannot "
                "be compared: read twice, it gave others. Give the generator or the shuffle that makes them a seed, "
                "or make the split once and keep it."
            )


def describe_other_model(child: Child, again: Child) -> Iterator[str]:
    """A sentence if the model differs when it is created again with the same seed."""
    if not is_same_loss(child.untrained_loss, again.untrained_loss):
        yield (
            "Argument `model` must make the same model each time that Keras's seed is the same, else rewards cannot "
            f"be compared: untrained, it had the loss {child.untrained_loss:.6g}, then {again.untrained_loss:.6g}. "
            "Give NumPy's generators a seed."
        )


def describe_shared(child: Child) -> Iterator[str]:
    """A note if training and validation share examples."""
    shared = count_shared(child.train, child.validation)
    if shared:
        yield (
            f"{shared} of {length(child.validation)} examples of `validation` are also in `train`: unless simple "
            "data repeat by chance, split them again, because a rule that memorizes them is rewarded for it."
        )


def _classes(targets) -> Optional[np.ndarray]:
    """The class of each target; None if they are not classes."""
    if targets.dtype.kind not in "iufb" or not targets.size:
        return None
    one_hot = targets.ndim == 2 and targets.shape[1] > 1 and bool((targets.sum(axis=1) == 1).all())
    if targets.dtype.kind == "f" and not np.isin(targets, (0, 1)).all():
        return None
    return targets.argmax(axis=1) if one_hot else targets


def _bytes(run):
    return [np.asarray(value).tobytes() for value in run]
