"""What is known of a task before its first rule, and what is refused."""

import marks
import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.measuring import description
from neural_optimizer_search.measuring.description import describe_task
from neural_optimizer_search.measuring.task_checks import UnsuitableTask
from neural_optimizer_search.tasks import TASKS, KerasTask

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("graphs_as_traced")]
ONCE = pytest.mark.once  # with any Keras there is one that is described, and what Keras's layers can do

layers = tf.keras.layers
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
LINEAR, CLASSES = X.sum(axis=1), (X.sum(axis=1) > 0).astype(np.int32)


def model(*more, activation=None, loss="mse", metrics=("mae",)):
    made = tf.keras.Sequential([*more, layers.Dense(1, activation=activation)])
    made.compile("sgd", loss, metrics=list(metrics))
    return made


def keras_task(make=model, train=(X[:40], LINEAR[:40]), validation=(X[40:], LINEAR[40:]), metric="mae", **more):
    return KerasTask(make, train, validation, metric=metric, steps=6, sizes=dict(batch_size=10, seeds=(0, 1)), **more)


def describe(task):
    return describe_task(task, task.protocols["default"])


def damaged(data, row, value):
    x, *others = (part.copy() for part in data)
    x[row, 1] = value
    return x, *others


def test_the_facts():
    found = describe(keras_task(lambda: model(layers.BatchNormalization()), validation=(X[35:], LINEAR[35:])))
    assert (found.trainable, found.frozen) == (4 + 2 * 3, 2 * 3)
    assert (found.train_examples, found.validation_examples, found.batch_size) == (40, 25, 10)
    # The probe; 9 rates with the first seed, 3 finalists with the other, 2 steps each; 6 final steps with each seed,
    # and once more with the first, whose rate the other seed may change.
    assert found.steps == 5 + (9 + 3) * 2 + 3 * 6
    assert found.data_bytes == (40 + 25) * 4 * 4 < found.peak_bytes
    assert found.metric_name == "mae" and found.score == 0.0
    assert found.scale == (pytest.approx(found.metric), 0.0)
    assert found.loss > 0 and found.seconds > 0
    assert len(found.notes) == 1
    assert found.notes[0].startswith("5 of 25 examples of `validation` are also in `train`: ")
    assert found.fingerprint.untrained == pytest.approx(found.loss, rel=1e-5)
    assert found.fingerprint.code == {}  # it is in no module


@ONCE
@marks.only_long("It traces a training for each change.")
def test_what_changes_only_the_training_is_in_the_fingerprint():
    plain, noisy = (describe(keras_task(lambda rate=rate: model(layers.Dropout(rate)))) for rate in (0.1, 0.9))
    assert plain.fingerprint.untrained == noisy.fingerprint.untrained
    assert plain.fingerprint.describe_change(noisy.fingerprint).startswith(
        "the loss after a training with Adam, from "
    )


class OwnFit(tf.keras.Model):
    def fit(self, *args, **kwargs):
        raise AssertionError


def test_what_does_not_count_is_noted():
    def make():
        inputs = tf.keras.Input((3,))
        made = OwnFit(inputs, layers.Dense(1)(inputs))
        more = dict(gradient_accumulation_steps=2) if KERAS_3 else {}
        made.compile(tf.keras.optimizers.Adam(weight_decay=0.1, **more), "mse", metrics=["mae"])
        return made

    notes = describe(keras_task(make)).notes
    assert notes[0] == "The model has its own fit, without use here: what counts is train_step and test_step."
    left_out = "weight_decay, gradient_accumulation_steps" if KERAS_3 else "weight_decay"
    assert notes[1] == f"The {left_out} of the model's optimizer is left out: rules are in its place."


def masked(targets, predictions):
    known = tf.where(tf.math.is_finite(targets), targets, predictions)
    return tf.reduce_mean(tf.square(known - predictions), axis=-1)


@ONCE
def test_gaps_in_the_targets_that_the_loss_masks_are_noted():
    train = X[:40], np.where(np.arange(40) % 10, LINEAR[:40], np.nan)[:, None].astype(np.float32)
    validation = X[40:], LINEAR[40:, None]
    notes = describe(keras_task(lambda: model(loss=masked), train, validation, "loss")).notes
    (noted,) = (note for note in notes if "finite" in note)
    assert noted.startswith("`train` has targets that are not finite, although the loss is: 4 values are NaN or ")


def two_inputs():
    left, right = tf.keras.Input([3], name="left"), tf.keras.Input([3], name="right")
    made = tf.keras.Model([left, right], layers.Dense(1)(layers.Concatenate()([left, right])))
    made.compile("sgd", "mse", metrics=["mae"])
    return made


MANY = np.tile(X, [10, 1])
ROW = 7  # which none of the few steps of a training comes to
IN_ONE_INPUT = {
    "of a dict": (lambda good, bad: ({"left": good, "right": bad}, MANY[:, 0]), "inputs['right']"),
    "of a tuple": (lambda good, bad: ((bad, good), MANY[:, 0]), "inputs[0]"),
    "as targets": (lambda good, bad: ((good, good), bad[:, 1]), "targets"),
    "as weights": (lambda good, bad: ((good, good), MANY[:, 0], bad[:, 1]), "sample weights"),
}


@ONCE
@pytest.mark.parametrize("name", IN_ONE_INPUT)
@pytest.mark.parametrize("argument", ["train", "validation"])
def test_a_gap_in_one_of_several_arrays_is_told_before_the_trainings(name, argument, monkeypatch):
    monkeypatch.setattr(description, "_try_adam", lambda training, protocol: pytest.fail("It trains."))
    make, part = IN_ONE_INPUT[name]
    (bad,) = damaged([MANY], ROW, np.nan)
    data = {"train": make(MANY, MANY), "validation": make(MANY, MANY), argument: make(MANY, bad)}
    with pytest.raises(ValueError, match=f"Argument `{argument}` must have finite ") as caught:
        describe(keras_task(two_inputs, **data))
    which = "1 value is NaN or infinite, in 1 of 600 examples, the first of which is number 7, counted from 0. Leave "
    assert f"must have finite {part}: {which}" in str(caught.value)
    assert str(caught.value).count("must have finite") == 1


@ONCE
def test_a_shipped_task():
    found = describe_task(TASKS["digits"], TASKS["digits"].protocols["reduced"])
    assert found.fingerprint is None and found.notes == ()
    assert found.metric_name == "accuracy" and 0 <= found.score < 0.5


STATISTICS = layers.Normalization()
STATISTICS.adapt(X)
EMBEDDING = layers.Embedding(5, 2, trainable=False)


class Positive(layers.Layer):
    def call(self, inputs):
        return tf.cast(inputs > 0, tf.int32)


def test_what_is_outside_and_stays_is_fine_and_so_are_data_that_are_the_same_each_time():
    """What a function draws from global generators has the seed of all functions."""

    def parts():
        statistics = STATISTICS, layers.BatchNormalization(center=False, scale=False)
        return *statistics, layers.GaussianNoise(0.1), layers.Dropout(0.1), Positive(), EMBEDDING, layers.Flatten()

    describe(
        keras_task(
            lambda: model(*parts()),
            train=lambda: (np.random.normal(size=(60, 3)), LINEAR),
            validation=lambda: tf.data.Dataset.from_tensor_slices((X, LINEAR)).shuffle(60).batch(10).take(3),
        )
    )


GENERATOR = tf.random.Generator.from_seed(1)
NUMPY = np.random.default_rng(0)
MOVING = layers.BatchNormalization(center=False, scale=False)


class Noise(layers.Layer):
    """Adds what a function draws."""

    def __init__(self, draw):
        super().__init__()
        self._draw = draw

    def call(self, inputs, training=None):
        return inputs + tf.ensure_shape(self._draw(inputs), inputs.shape) if training else inputs


def draw_from_generator(inputs):
    return GENERATOR.normal(tf.shape(inputs))


def draw_by_numpy(inputs):
    return tf.numpy_function(lambda x: NUMPY.normal(size=x.shape).astype(np.float32), [inputs], tf.float32)


ONE_CLASS = (X[40:], np.zeros(20, np.int32))
# What is wrong -> (the task, the sentences).
REFUSED = {
    "an unseeded split, and moving statistics from outside": (
        lambda: keras_task(
            lambda: model(MOVING),
            validation=lambda: (X[np.random.default_rng().permutation(60)[:20]], LINEAR[:20]),
        ),
        [
            "Argument `validation` must give the same examples in the same order each time",
            "Argument `model` must make all that changes in training: Adam with one seed gave the loss ",
            "The runs change what is outside of `model`: ",
            "moving_mean",
            "Make the layers that have it in that function.",
        ],
    ),
    "an unseeded constant of the model": (
        lambda: keras_task(lambda: model(layers.Rescaling(float(np.random.default_rng().uniform(1, 9))))),
        [
            "Argument `model` must make the same model each time that Keras's seed is the same, ",
            " NumPy's generators",
        ],
    ),
    "a generator from outside": (
        lambda: keras_task(lambda: model(Noise(draw_from_generator))),
        ["Adam with one seed gave the loss ", "The runs change what is outside of `model`: "],
    ),
    "draws by NumPy": (
        lambda: keras_task(lambda: model(Noise(draw_by_numpy))),
        ["Random numbers must come from layers of Keras that `model` makes, or from TensorFlow's normal, "],
    ),
    "numbers that are not finite, and one class": (
        lambda: keras_task(
            lambda: model(activation="sigmoid", loss="binary_crossentropy", metrics=["accuracy"]),
            damaged((X[:40], CLASSES[:40]), 3, np.inf),
            ONE_CLASS,
            "accuracy",
        ),
        ["Argument `train` must have finite inputs: 1 value", "Argument `validation` must have targets of several"],
    ),
}


MORE = {"a generator from outside": marks.only_long("Moving statistics from outside are found as it is.")}


@pytest.mark.parametrize(
    "name",
    [
        *list(REFUSED)[:2],
        *(pytest.param(name, marks=[ONCE, *filter(None, [MORE.get(name)])]) for name in list(REFUSED)[2:]),
    ],
)
def test_what_would_make_rewards_meaningless_is_refused(name):
    task, sentences = REFUSED[name]
    with pytest.raises(UnsuitableTask) as caught:
        describe(task())
    for sentence in sentences:
        assert sentence in str(caught.value)
