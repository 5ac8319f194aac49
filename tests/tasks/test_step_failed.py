"""What is told of an error in a model's step."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks import KerasTask
from neural_optimizer_search.tasks.step_failed import StepFailed, explain_step
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.workers.measuring_worker import explain

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
CLASSES = np.arange(40) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]


def model():
    inputs = {name: tf.keras.Input([4], name=name) for name in ("left", "right")}
    outputs = tf.keras.layers.Dense(3)(tf.keras.layers.Concatenate()(list(inputs.values())))
    made = tf.keras.Model(inputs, outputs)
    made.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def begin_training(train, validation):
    """Does what comes before the first step of a search."""
    inputs = {"left": X, "right": X}
    task = KerasTask(model, (inputs, train), (inputs, validation), steps=6, sizes=dict(batch_size=10))
    return ChildTraining(task.child(task.protocols["default"]))


@pytest.mark.parametrize(
    ("train", "validation", "step"),
    [
        (ONE_HOT, CLASSES, "A training step failed on a batch of `train`"),
        (CLASSES, ONE_HOT, "A validation step failed on a batch of `validation`"),
    ],
)
def test_targets_of_a_wrong_shape(train, validation, step):
    with pytest.raises(StepFailed) as caught:
        begin_training(train, validation)
    shapes = "inputs['left'] (10, 4) float32, inputs['right'] (10, 4) float32, targets (10, 3) float32"
    assert str(caught.value).startswith(f"{step}: {shapes}. Compare these shapes and dtypes with what the model and ")
    cause = caught.value.__cause__
    assert f" The cause: {type(cause).__name__}: " in str(caught.value)
    told = explain(caught.value)
    assert told.message == str(caught.value)
    assert told.traceback.index(str(cause).splitlines()[0]) < told.traceback.index(step)


def test_targets_that_fit():
    begin_training(CLASSES, CLASSES)


@pytest.mark.parametrize(
    "error", [UserError("no metric"), MemoryError(), tf.errors.ResourceExhaustedError(None, None, "large")]
)
def test_what_needs_no_batch_is_passed_on(error):
    with pytest.raises(type(error)) as caught, explain_step("A training step", "train", (X, CLASSES)):
        raise error
    assert caught.value is error
