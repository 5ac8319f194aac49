"""The training of a child: against Keras, in parts, and where it diverges."""

import fakes
import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import RuleOptimizer, parse_formula
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.tasks import KerasTask
from neural_optimizer_search.tasks.child import Child
from neural_optimizer_search.tasks.keras_child import generators_with_state

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("graphs_as_traced")]  # test_evaluator.py is without

DIVERGING = "log(g - g)"


@pytest.fixture(scope="module")
def training():
    return ChildTraining(fakes.BLOBS.child(fakes.TINY))


@pytest.fixture(scope="module")
def other_training():
    """For rules with extra arrays, which have a graph of their own."""
    return ChildTraining(fakes.BLOBS.child(fakes.TINY))


def run(training, formula, learning_rate=0.1, seed=0, steps=8, validate_every=4, **more):
    return training(parse_formula(formula), RunPlan(learning_rate, seed, steps, validate_every, **more))


@pytest.mark.parametrize(
    "formula",
    [
        "g",
        "m",
        "Adam",
        "exp(sign(g) * sign(m)) * g",
        "ld * RMSProp + 1e-2*w",
        "sqrt(gamma)",
        "Adam / 3 + 2e-3*w, beta_1=0.5, beta_2=0.6, epsilon=0.1",
    ],
)
def test_trains_as_the_keras_optimizer_does(training, formula):
    assert_trains_as_keras(training, formula)


def assert_trains_as_keras(training, formula):
    """The traced function is `apply_gradients` of the same rule on the same batches."""
    steps, learning_rate, seed = 8, 0.05, 3
    traced = run(training, formula, learning_rate, seed, steps)

    splits = fakes.BLOBS.splits(fakes.TINY)
    tf.keras.utils.set_random_seed(seed)
    model = fakes.BLOBS.networks["tiny"]((2, 2, 1), 2)
    optimizer = RuleOptimizer(formula, learning_rate=learning_rate, decay_steps=steps)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for batch in training._batches(tf.constant(seed, tf.int64), tf.constant(steps, tf.int64))[:steps]:
        with tf.GradientTape() as tape:
            value = loss(splits.train.labels[batch], model(splits.train.images[batch]))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    expected = float(loss(splits.measured.labels, model(splits.measured.images)))
    assert traced.losses[-1] == pytest.approx(expected, rel=1e-4)


def test_learns(training):
    curve = run(training, "g", steps=40, validate_every=10)
    assert curve.losses[-1] < curve.losses[0]
    assert curve.scores[-1] > 0.9


def in_parts(training, formula, ends, learning_rate=0.1, **more):
    """Yields what there is at each end, until the run is not finite."""
    run = training.begin(parse_formula(formula), RunPlan(learning_rate, 0, 8, 2, **more))
    for end in ends:
        yield (part := run.advance(end))
        if not part.finite:
            return


@pytest.mark.parametrize("formula", ["drop(Adam, 0.3) + eps * m", "ld * RMSProp", "exp(g) * m"])
@pytest.mark.parametrize("ends", [(2, 4, 6, 8), (6, 8), (8,)])
def test_parts_are_one_run(training, formula, ends):
    how = dict(schedule=parse_schedule("cosine, warm-up 0.3"), weight_decay=0.1)
    whole = run(training, formula, validate_every=2, **how)
    *parts, last = in_parts(training, formula, ends, **how)
    assert [part.steps for part in parts] == list(ends[:-1])
    for one, other in zip(last, whole):
        np.testing.assert_array_equal(one, other)
    for part in parts:
        seen = part.steps // 2
        np.testing.assert_array_equal(part.scores[:seen], whole.scores[:seen])
        assert not part.scores[seen:].any()


def test_a_run_ends_where_it_is_not_finite_or_nobody_takes_more(training):
    (only,) = in_parts(training, DIVERGING, (2, 4, 6, 8))
    assert not only.finite and only.steps < 8
    parts = in_parts(training, "Adam", (2, 4, 6, 8))
    assert next(parts).steps == 2
    again = run(training, "Adam", validate_every=2)
    np.testing.assert_array_equal(again.losses, run(training, "Adam", validate_every=2).losses)
    with pytest.raises(RuntimeError, match="Another run of this ChildTraining has begun"):
        next(parts)


def test_one_trace_for_all_rules_rates_seeds_and_steps(training):
    run(training, "g")
    for formula in ("Adam", "(1 + sign(g) * sign(m)) * g", "drop(m, 0.1) / (exp(g^2) + eps)"):
        run(training, formula, learning_rate=0.3, seed=2, steps=6, validate_every=3)
    assert training.traces == 1


def test_same_seed_same_run_whatever_ran_between(training):
    first = run(training, "drop(g, 0.3) * (1 + eps)")
    run(training, "m", seed=1)
    again = run(training, "drop(g, 0.3) * (1 + eps)")
    other = run(training, "drop(g, 0.3) * (1 + eps)", seed=1)
    np.testing.assert_array_equal(first.losses, again.losses)
    assert not np.array_equal(first.losses, other.losses)


def test_divergence_stops_the_run(training):
    stopped = run(training, DIVERGING)
    assert not stopped.finite
    assert stopped.steps == 1
    np.testing.assert_array_equal(stopped.scores, [0, 0])


def test_a_large_finite_update_diverges_later(training):
    late = run(training, "exp(1e-1*w) * g", learning_rate=1e6)
    assert not late.finite
    assert 1 <= late.steps < 8


def test_each_epoch_has_every_batch_once_in_its_own_order(training):
    batches = training._batches(tf.constant(0, tf.int64), tf.constant(8, tf.int64)).numpy()
    first, second = batches[:4].ravel(), batches[4:8].ravel()
    assert sorted(first) == sorted(second) == list(range(40))
    assert list(first) != list(second)


def test_update_rms(training):
    assert run(training, "2", learning_rate=0.0).update_rms == pytest.approx(2.0)
    assert run(training, "1 - 1", learning_rate=0.0).update_rms == 0.0
    one, half = (run(training, f, learning_rate=0.0).update_rms for f in ("g", "g / 2"))
    assert half == pytest.approx(one / 2, rel=1e-4)


@pytest.mark.parametrize("every", [2, 4])
def test_the_rms_is_of_the_updates_where_a_model_accumulates_gradients(every):
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    task = KerasTask(lambda: Accumulating(every), (x, x[:, :1]), (x, x[:, :1]), metric="loss", worst=2.0, steps=8)
    training = ChildTraining(task.child(task.protocols["default"]))
    assert run(training, "sign(g)", learning_rate=0.0).update_rms == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"applied no gradients in 1 steps.* more `probe_steps`"):
        _ = run(training, "sign(g)", learning_rate=0.0, steps=1, validate_every=1).scale


class Accumulating(tf.keras.Model):
    """A linear model that updates its weights in every k-th step."""

    def __init__(self, every):
        super().__init__()
        self.every, self.linear = every, tf.keras.layers.Dense(1)
        self.linear.build((None, 2))
        self.seen = tf.Variable(0, trainable=False)
        self.compile("sgd", "mse")

    def call(self, x):
        return self.linear(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.seen.assign_add(1)

        def update():
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            return 0

        tf.cond(self.seen % self.every == 0, update, lambda: 0)
        return {"loss": loss}


def test_tiny_updates_have_an_rms():
    training = ChildTraining(fakes.BLOBS.child(fakes.TINY))
    tiny = run(training, "clip(1, 1e-5) * clip(1, 1e-5) * clip(1, 1e-5) * clip(1, 1e-5)", learning_rate=0.0)
    assert tiny.update_rms == pytest.approx(1e-20, rel=1e-3)


def test_validation_in_parts_is_validation_in_one(monkeypatch, training):
    from neural_optimizer_search.tasks import child as module

    monkeypatch.setattr(module, "VALIDATION_BATCH", 7)
    parts = ChildTraining(fakes.BLOBS.child(fakes.TINY))
    np.testing.assert_allclose(run(parts, "g").losses, run(training, "g").losses, rtol=1e-5)


# -- Children that are no classifiers of images --------------------------------------------------------------------


def squared_error(targets, predictions):
    return tf.reduce_mean((targets - predictions[:, 0]) ** 2)


def train_step(model, batch):
    inputs, targets = batch
    with tf.GradientTape() as tape:
        loss = squared_error(targets, model(inputs, training=True)) + sum(model.losses)
    weights = model.trainable_variables
    model.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return loss


def validate(model, data):
    inputs, targets = data
    return tf.stack([squared_error(targets, model(inputs, training=False))] * 3)


def child_of(layers):
    """A regression from three ids to their sum."""
    ids = np.random.default_rng(0).integers(0, 5, size=(40, 3)).astype(np.int32)
    data = (ids, ids.sum(axis=1).astype(np.float32))

    def make_model():
        with generators_with_state():
            model = tf.keras.Sequential([tf.keras.Input((3,), dtype="int32"), *layers(), tf.keras.layers.Dense(1)])
            model(ids[:1])
        return model

    return Child(make_model, data, data, 10, train_step, validate)


def test_sparse_gradients_moving_statistics_and_regularizers():
    """The traced function is `apply_gradients` of what Keras's `fit` would differentiate."""
    steps, learning_rate, seed = 8, 0.01, 3
    child = child_of(
        lambda: [
            tf.keras.layers.Embedding(5, 2),
            tf.keras.layers.Flatten(),
            tf.keras.layers.BatchNormalization(momentum=0.5),
            tf.keras.layers.Dense(3, kernel_regularizer=tf.keras.regularizers.L2(0.1)),
        ]
    )
    training = ChildTraining(child)
    traced = run(training, "Adam", learning_rate, seed, steps)

    tf.keras.utils.set_random_seed(seed)
    model = child.make_model()
    optimizer = RuleOptimizer("Adam", learning_rate=learning_rate)
    inputs, targets = child.train
    for batch in training._batches(tf.constant(seed, tf.int64), tf.constant(steps, tf.int64))[:steps]:
        with tf.GradientTape() as tape:
            value = squared_error(targets[batch], model(inputs[batch], training=True)) + sum(model.losses)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    assert traced.losses[-1] == pytest.approx(float(squared_error(targets, model(inputs))), rel=1e-4)


def test_dropout_draws_anew_each_step_and_alike_in_each_run():
    layers = tf.keras.layers
    child = child_of(lambda: [layers.Embedding(5, 20), layers.Flatten(), layers.Dropout(0.5)])
    training = ChildTraining(child._replace(batch_size=40))
    # All examples are in each batch, and at rate 0 the weights stay: only what dropout draws can change the gradient.
    one, two = (run(training, "g", 0.0, steps=steps, validate_every=steps).update_rms for steps in (1, 2))
    assert abs(one - two) > 1e-3 * one
    assert run(training, "g", 0.0, steps=1, validate_every=1).update_rms == one
    assert run(training, "g", 0.0, seed=1, steps=1, validate_every=1).update_rms != pytest.approx(one)


# -- Schedules and weight decay ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["m + ld * g", "|w| * m + g"])  # the second reads the decayed weights
@pytest.mark.parametrize(
    ("text", "weight_decay"),
    [("linear", 0.0), ("cosine", 6.0), ("linear_cosine", 0.3), ("linear, warm-up 0.25", 0.3)],
)
def test_a_schedule_and_a_weight_decay_are_what_plain_steps_make_of_them(training, rule, text, weight_decay):
    steps, rate, seed = 8, 0.05, 3
    schedule = parse_schedule(text)
    more = dict(schedule=schedule, weight_decay=weight_decay)
    traced = run(training, rule, rate, seed, steps, **more)
    splits = fakes.BLOBS.splits(fakes.TINY)
    tf.keras.utils.set_random_seed(seed)
    model = fakes.BLOBS.networks["tiny"]((2, 2, 1), 2)
    optimizer = RuleOptimizer(rule, learning_rate=rate, decay_steps=steps)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    batches = training._batches(tf.constant(seed, tf.int64), tf.constant(steps, tf.int64))[:steps]
    for batch, factor in zip(batches, schedule.factors(steps)):
        with tf.GradientTape() as tape:
            value = loss(splits.train.labels[batch], model(splits.train.images[batch]))
        gradients = tape.gradient(value, model.trainable_variables)
        for variable in model.trainable_variables:
            variable.assign(variable * (1.0 - rate * factor * weight_decay))
        optimizer.learning_rate = rate * factor
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    expected = float(loss(splits.measured.labels, model(splits.measured.images)))
    assert traced.losses[-1] == pytest.approx(expected, rel=1e-4)
    assert traced.losses[-1] != pytest.approx(run(training, rule, rate, seed, steps).losses[-1], rel=1e-3)


def test_one_trace_for_all_schedules_and_decays(training):
    before = training.traces
    for text in ("constant", "linear", "cosine, warm-up 0.5"):
        run(training, "g", schedule=parse_schedule(text), weight_decay=0.1)
    assert training.traces == before


def test_a_run_leaves_no_decay_behind(training):
    first = run(training, "m")
    run(training, "m", schedule=parse_schedule("linear"), weight_decay=5.0)
    np.testing.assert_array_equal(run(training, "m").losses, first.losses)


@pytest.mark.parametrize("name", ["adan", "muon", "adabelief"])
def test_rules_with_extra_arrays_train_as_the_keras_optimizer_does(other_training, name):
    assert_trains_as_keras(other_training, CATALOGUE[name].formula)
    assert other_training.traces == 2
