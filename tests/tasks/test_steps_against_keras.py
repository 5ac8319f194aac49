"""Models with steps and losses of their own: what a task measures is what plain Keras measures."""

import pytest
import tensorflow as tf
from keras_replays import Replay, X, Y, check, dataset, each, mse

from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.measuring.training import ChildTraining

layers = tf.keras.layers


# -- Steps of the model's own ----------------------------------------------------------------------------------------


class Subclassed(tf.keras.Model):
    """Its weights are made when it is called."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(4, activation="tanh", kernel_regularizer="l2")
        self.dropout = layers.Dropout(0.2)
        self.out = layers.Dense(1)

    def call(self, inputs, training=False):
        return self.out(self.dropout(self.hidden(inputs), training=training))

    def descend(self, x, y, factor=1.0):
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = factor * self.compute_loss(x=x, y=y, y_pred=prediction)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return prediction, loss


class OwnStep(Subclassed):
    """With the compiled loss and metrics; triples the loss, so that Keras's own step would be noticed."""

    def train_step(self, data):
        x, y = data
        prediction, loss = self.descend(x, y, factor=3.0)
        for metric in self.metrics:
            metric.update_state(*((loss,) if metric.name == "loss" else (y, prediction)))
        return {metric.name: metric.result() for metric in self.metrics}


class OwnCompiledMetrics(Subclassed):
    """As Keras's guides write it, for both."""

    def train_step(self, data):
        x, y = data
        prediction, _ = self.descend(x, y, factor=3.0)
        return self.compute_metrics(x, y, prediction, None)


class Trackers(Subclassed):
    """Nothing compiled but the optimizer: own means, and a `test_step`."""

    def __init__(self):
        super().__init__()
        self.loss_tracker = tf.keras.metrics.Mean(name="loss")
        self.error_tracker = tf.keras.metrics.MeanAbsoluteError(name="error")

    @property
    def metrics(self):
        return [self.loss_tracker, self.error_tracker]

    def track(self, y, prediction, loss):
        self.loss_tracker.update_state(loss)
        self.error_tracker.update_state(y, prediction)
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = tf.reduce_mean((y[:, None] - prediction) ** 4)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return self.track(y, prediction, loss)

    def test_step(self, data):
        x, y = data
        prediction = self(x, training=False)
        return self.track(y, prediction, tf.reduce_mean((y[:, None] - prediction) ** 4))


class Traced(OwnStep):
    @tf.function
    def train_step(self, data):
        return super().train_step(data)


class TracedPart(OwnCompiledMetrics):
    @tf.function
    def descend(self, x, y, factor=1.0):
        return super().descend(x, y, factor)


class Branches(OwnCompiledMetrics):
    """Python's `if` on a tensor; of a `train_step` that is no `tf.function`, Keras itself converts none."""

    @tf.function
    def train_step(self, data):
        x, y = data
        factor = tf.constant(1.0)
        if tf.reduce_mean(y) > 0:
            factor = tf.constant(3.0)
        prediction, _ = self.descend(x, y, factor)
        return self.compute_metrics(x, y, prediction, None)


class BranchInCall(Subclassed):
    def call(self, inputs, training=False):
        hidden = self.hidden(inputs)
        if tf.reduce_mean(hidden) > 0:
            hidden = hidden * 2.0
        return self.out(hidden)


class SkipsSteps(Subclassed):
    """Leaves the weights as they are if the loss is large."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=prediction)
        gradients = tape.gradient(loss, self.trainable_variables)
        scale = tf.cast(loss < 2.0, tf.float32)
        self.optimizer.apply_gradients([(scale * g, v) for g, v in zip(gradients, self.trainable_variables)])
        return self.compute_metrics(x, y, prediction, None)


class Reconstructs(Subclassed):
    """Its data are inputs alone, not in a tuple."""

    def __init__(self):
        super().__init__()
        self.loss_tracker = tf.keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(data, training=True) - data) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        self.loss_tracker.update_state(tf.reduce_mean((self(data, training=False) - data) ** 2))
        return {"loss": self.loss_tracker.result()}


class OwnLoss(Subclassed):
    """Only `compute_loss` is the model's own."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        return tf.reduce_mean(tf.abs(tf.reshape(y, [-1, 1]) - y_pred)) + sum(self.losses)


STEPS = {
    "subclassed": Replay(Subclassed, (X, Y), mse, "mae", long=True),
    "train_step": Replay(OwnStep, (X, Y[:, None]), mse, "mae", long=True),
    "train_step, compiled metrics, Adam": Replay(OwnCompiledMetrics, (X, Y), mse, "mae", rule="Adam"),
    "train_step and test_step": Replay(Trackers, (X, Y), dict, "error", task=dict(higher_is_better=False), rate=0.01),
    "train_step and test_step, dataset": Replay(
        Trackers, (X, Y), dict, given=dataset, in_batches=True, rule="Adam", long=True
    ),
    "@tf.function": Replay(Traced, (X, Y[:, None]), mse, "mae", long=True),
    "@tf.function of a part": Replay(TracedPart, (X, Y), mse, "mae", long=True),
    "if of a tensor": Replay(Branches, (X, Y), mse, "mae"),
    "gradients times 0": Replay(SkipsSteps, (X, Y), mse, "mae", long=True),
    "inputs alone": Replay(Reconstructs, X[:, :1], given=dataset, in_batches=True),
    "compute_loss": Replay(OwnLoss, (X, Y), lambda: dict(metrics=["mae"]), "mae"),
    "train_step, compiled by the task": Replay(
        OwnCompiledMetrics, (X, Y), mse, "mae", compiled=False, task=dict(loss="mse"), long=True
    ),
}
if not KERAS_3:  # whose layers convert no Python
    STEPS["if of a tensor in call"] = Replay(BranchInCall, (X, Y), mse, "mae", long=True)


@each(STEPS)
def test_steps(name):
    check(STEPS[name])


class Twice(Subclassed):
    def train_step(self, data):
        self.descend(*data)
        prediction, _ = self.descend(*data)
        return self.compute_metrics(*data, prediction, None)


class Never(Subclassed):
    def train_step(self, data):
        x, y = data
        return self.compute_metrics(x, y, self(x, training=True), None)


class OwnOptimizers(Subclassed):
    """As those of a GAN, which `compile` of the model's own takes."""

    def compile(self, optimizer, **kwargs):
        super().compile(**kwargs)
        self.own_optimizer = tf.keras.optimizers.SGD(0.1)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = tf.reduce_mean((y[:, None] - prediction) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.own_optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return self.compute_metrics(x, y, prediction, None)


@pytest.mark.parametrize("model", [Twice, Never, OwnOptimizers])
def test_a_step_must_use_the_optimizer_once(model):
    task = Replay(model, (X, Y), mse).make_task()
    with pytest.raises(ValueError, match=r"`train_step`.* once"):
        ChildTraining(task.child(task.protocols["default"]))


class Nested(Subclassed):
    def test_step(self, data):
        return {"loss": 1.0, "parts": {"mae": 2.0}}


class Several(Subclassed):
    def test_step(self, data):
        return {"loss": 1.0, "mae": tf.constant([1.0, 2.0])}


class Nothing(Subclassed):
    def test_step(self, data):
        return None


@pytest.mark.parametrize(
    ("model", "metric", "told"),
    [
        (Nested, "parts_mae", "one of: loss, parts"),
        (Nested, "parts", "must return a dict of numbers by name, without dicts in it"),
        (Several, "mae", r"must be a metric of one number. Received: 'mae', which has the shape \(2,\)"),
        (Nothing, "mae", "must return a dict of metrics by name"),
    ],
)
def test_a_test_step_tells_numbers(model, metric, told):
    task = Replay(model, (X, Y), mse, metric, task=dict(higher_is_better=False)).make_task()
    with pytest.raises(ValueError, match=told):
        task.child(task.protocols["default"])
