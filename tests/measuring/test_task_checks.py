"""What is found wrong with data and scores, without a training."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.task_checks import (
    Repeated,
    describe_few,
    describe_shared,
    find_first_step_not_finite,
    find_single_class,
    find_standstill,
    find_state_outside,
    find_wrong_scores,
)
from neural_optimizer_search.tasks.child import Child
from neural_optimizer_search.tasks.finite_data import find_not_finite

X = np.arange(12, dtype=np.float32).reshape(6, 2)
RAGGED = tf.ragged.constant([[1.0], [], [2.0, np.nan]])


def with_nan(*places):
    x = X.copy()
    for place in places:
        x[place] = np.nan
    return x


def child(targets=X, worst_best=(0.0, 1.0), metric="accuracy"):
    targets = np.asarray(targets)
    data = (np.zeros(len(targets)), targets)
    return Child(tf.keras.Sequential, data, data, 1, metric_name=metric, scale=worst_best)


def run(*scores, losses=(1.0,)):
    return TrainingRun(True, 1, np.array(scores), np.array(losses), np.array(scores), 1.0)


@pytest.mark.parametrize(
    ("data", "names", "first"),
    [
        ((with_nan((4, 0), (5, 1)), X), ["finite inputs: 2 values are NaN or infinite, in 2 of 6 examples"], 4),
        ((X, with_nan(3)), ["finite targets: 2 values are NaN or infinite, in 1 of 6 examples"], 3),
        ((X, X, with_nan((0, 0))), ["finite sample weights: 1 value is"], 0),
        (({"b": X, "a": with_nan((1, 0))}, X), ["finite inputs['a']: 1 value is"], 1),
        (((X, with_nan((1, 0))), X + np.inf), ["finite inputs[1]: 1 value is", "finite targets: 12 values"], None),
        ((RAGGED, X[:3]), ["finite inputs: 1 value is NaN or infinite, in 1 of 3 examples"], 2),
        ((X, np.arange(6), np.array([b"a"] * 6)), [], None),
        ((tf.ragged.constant([["a"], []]), np.arange(2) > 0), [], None),
    ],
)
def test_numbers_that_are_not_finite(data, names, first):
    found = [part.refusal for part in find_not_finite(data, (X, X))]
    assert len(found) == len(names)
    for sentence, name in zip(found, names):
        assert sentence.startswith(f"Argument `train` must have {name}")
        assert first is None or f"the first of which is number {first}, counted from 0." in sentence
        assert sentence.endswith("the values, or have the model or the loss mask them.")
    others = [part.refusal for part in find_not_finite((X, X), data)]
    assert others == [one.replace("`train`", "`validation`") for one in found]


def test_masked_numbers_are_noted():
    (part,) = find_not_finite((X, X), (X, with_nan(3)))
    assert part.note == (
        "`validation` has targets that are not finite, although the loss is: 2 values are NaN or infinite, in 1 of 6 "
        "examples, the first of which is number 3, counted from 0."
    )


@pytest.mark.parametrize(
    ("targets", "received"),
    [
        ([0, 0, 0], 0), ([[2], [2]], 2), ([1.0, 1.0], 1.0), ([True, True], True), ([[0, 1, 0], [0, 1, 0]], 1),
        ([0, 1, 0], None), ([0.5, 0.5], None), ([[1, 0], [0, 1]], None), (["a", "a"], None), ([[1, 1], [1, 0]], None),
    ],
)  # fmt: skip
def test_one_class(targets, received):
    found = list(find_single_class(child(targets)))
    assert len(found) == (received is not None)
    if found:
        assert f"several classes for the metric 'accuracy'. Received: {received} in all of them." in found[0]
    assert not list(find_single_class(child(targets, (3.0, 0.0), "loss")))
    assert not list(find_single_class(child(targets)._replace(is_plain=False)))  # targets may be dummies


def test_scores():
    def find(untrained, *scores):
        return list(find_wrong_scores(child(), np.float32(untrained), Repeated(run(*scores), run(*scores), [])))

    assert find([0.25, 1.0, 0.25], 0.5, 1.0) == []
    (best,) = find([1.0, 0.0, 1.0], 1.0)
    assert best.startswith("The untrained model has the best score: its accuracy is 1, and 1 has the score 1.")
    (nothing,) = find([0.0, 1.0, np.nan], np.nan)
    assert nothing.startswith("The accuracy is nan before and after a training with Adam")
    (outside,) = find([0.5, 0.0, 0.5], 3.0)
    assert outside.startswith("A task must have scores in [0, 1]") and outside.endswith("from 0.5 to 3.")
    assert "Give `higher_is_better=False` if lower values" in outside


def test_a_metric_below_its_best_value_is_told_what_to_do():
    """Such as a likelihood of densities, whose logarithm has no bound."""
    below = Repeated(run(0.8, 1.25), run(0.8, 1.25), [])
    (told,) = find_wrong_scores(child(worst_best=(1.4, 0.0), metric="loss"), np.float32([0.0, 1.4, 1.4]), below)
    assert told == (
        "A task must have scores in [0, 1], where 1 is the best. A metric that can be below 0, its best value, needs "
        "a function that maps it to a score from 0 to 1. Received scores from 0 to 1.25."
    )


def test_state_outside():
    nan = run(0.5, losses=(np.nan,))
    assert not list(find_state_outside(Repeated(nan, nan, ["a statistic that no loss depends on"])))
    (told,) = find_state_outside(Repeated(run(0.5), run(0.5, losses=(2.0,)), ["noise/state"]))
    assert "gave the loss 1, then 2. The runs change what is outside of `model`: noise/state." in told
    (told,) = find_state_outside(Repeated(run(0.5), run(0.25), []))
    assert "gave losses or scores that differ. Random numbers must come from layers of Keras that" in told


def test_standstill():
    (told,) = find_standstill(Repeated(run(0.5)._replace(update_rms=0.0), run(0.5), []))
    assert told.startswith("A training with Adam changes no weight: the gradient is 0.")
    assert not list(find_standstill(Repeated(run(0.5), run(0.5), [])))


def test_what_diverges_at_once_is_no_task():
    at_once, later = (run(0.5)._replace(finite=False, steps=steps) for steps in (1, 2))
    (told,) = find_first_step_not_finite(Repeated(at_once, at_once, []))
    assert told.startswith("The loss or its gradient is not finite in the first step of a training, so that no rule")
    assert not list(find_first_step_not_finite(Repeated(later, later, [])))


@pytest.mark.parametrize(("count", "told"), [(1, "1 validation example:"), (9, "9 validation examples:"), (10, None)])
def test_few_examples(count, told):
    notes = list(describe_few(child()._replace(validation=(np.ones(count), np.ones(count)))))
    assert len(notes) == (told is not None)
    assert not notes or notes[0].startswith(f"Rewards rest on {told}")


def test_shared_examples():
    (note,) = describe_shared(child())
    assert note.startswith("6 of 6 examples of `validation` are also in `train`: ")
    assert not list(describe_shared(child()._replace(train=(np.ones(6), X))))
