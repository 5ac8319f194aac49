"""A compiled Keras model as a `Child`: its step is `train_step`, and its score comes from `test_step`."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.tasks.child import gather, length, rows
from neural_optimizer_search.tasks.keras_steps import as_traced_by_fit
from neural_optimizer_search.tasks.metric_scale import MetricScale, without_number
from neural_optimizer_search.tasks.step_failed import explain_step
from neural_optimizer_search.user_error import UserError

# Names that `compile` accepts besides those of Keras's metrics.
NAMES_FOR_COMPILE = ("loss", "accuracy", "acc", "crossentropy", "ce")


@dataclass(frozen=True)
class CompiledModel:
    """Makes compiled models.

    Args:
      factory: Function without arguments that makes a model, compiled or not.
      loss, loss_weights: See `compile`. With both None, the factory's model is used as it was compiled.
      metric: The metric for the score; see `KerasTask`.
    """

    factory: Callable[[], tf.keras.Model]
    loss: Any
    loss_weights: Any
    metric: Any

    def __call__(self) -> tf.keras.Model:
        """A fresh model, compiled."""
        with generators_with_state():
            model = self.factory()
            if not isinstance(model, tf.keras.Model):
                raise UserError(f"Argument `model` must be a function that makes a Keras model. It made: {model!r}.")
            is_compiled = getattr(model, "optimizer", None) is not None
            if self.loss is not None:
                if is_compiled:
                    raise UserError(
                        "Argument `model` must make a new model each time, and with `loss` one that is not compiled: "
                        "a compiled model has its own loss and metrics. Received: a compiled model."
                    )
                _require_known("loss", self.loss, tf.keras.losses.get)
                if self.metric not in NAMES_FOR_COMPILE:
                    _require_known("metric", self.metric, tf.keras.metrics.get)
                model.compile(loss=self.loss, loss_weights=self.loss_weights, metrics=self._metrics())
            elif not is_compiled:
                raise UserError(
                    "Argument `model` must make a model that is compiled, or argument `loss` must be given: a loss "
                    "of Keras, its name, or a function of (targets, predictions). Received: a model that is not "
                    "compiled, and no loss."
                )
        if getattr(model, "run_eagerly", False):
            raise UserError(
                "Argument `model` must make a model that Keras can trace: compile it without run_eagerly=True, with "
                "which Python code would run once for all steps."
            )
        return model

    def _metrics(self):
        if isinstance(self.metric, dict):
            return self.metric
        if self.metric == "loss":
            return None
        return [self.metric]  # or a metric object: models may share it, since each validation resets it


def _require_known(argument, name, find):
    """Rejects an unknown name, which Keras 2 reports only in the first step, without naming it."""
    found: Any = None
    with contextlib.suppress(ValueError, TypeError):  # Keras 3 raises one of these, Keras 2 may return the name
        found = find(name) if isinstance(name, str) else len
    if not callable(found):
        raise UserError(
            f"Argument `{argument}` must be a {argument} of Keras, its name, or a function of (targets, "
            f"predictions). Received: {name!r}."
        )


def train_step(model: tf.keras.Model, batch: Any) -> tf.Tensor:
    """Runs Keras's step; returns the loss that it reports, or 0 if it reports none."""
    with explain_step("A training step", "train", batch):
        logs = as_traced_by_fit(model.train_step)(batch)
    loss = logs.get("loss", 0.0) if isinstance(logs, Mapping) else 0.0
    return tf.reduce_mean(tf.cast(loss, tf.float32))


@dataclass(frozen=True)
class Validation:
    """Validates as Keras's `evaluate` does: (model, data) -> float32 [score, loss, metric].

    Args:
      metric: The metric for the score; see `KerasTask`.
      batch_size: Examples per batch; the last batch has the remaining ones.
      scale: Maps the metric's value to the score.
      is_only: Whether the model is compiled with this metric only.
    """

    metric: Any
    batch_size: int
    scale: MetricScale
    is_only: bool = False

    def __call__(self, model: tf.keras.Model, data: Any) -> tf.Tensor:
        """Validates a model."""
        model.reset_metrics()
        test_step = as_traced_by_fit(model.test_step)
        batches, rest = divmod(length(data), self.batch_size)

        def test(batch):
            with explain_step("A validation step", "validation", batch):
                return test_step(_as_in_evaluate(batch))

        def measure(number, last):
            batch = tf.range(self.batch_size) + number * self.batch_size
            return number + 1, self._read(test(gather(data, batch)))

        _, values = tf.while_loop(
            lambda number, last: number < batches, measure, (0, tf.zeros([2])), parallel_iterations=1
        )
        if rest:
            values = self._read(test(rows(data, batches * self.batch_size, length(data))))
        loss, metric = tf.unstack(values)
        return tf.stack([self.scale(metric), loss, metric])

    def _read(self, logs):
        """[loss, metric] over all batches so far, from the result of `test_step`."""
        if not isinstance(logs, Mapping):
            raise UserError(
                f"The model's `test_step` must return a dict of metrics by name, as Keras's does. Received: {logs!r}."
            )
        name = find_name(logs, self.metric, self.is_only)
        metric, loss = logs[name], logs.get("loss")
        if any(isinstance(value, Mapping) for value in (metric, loss)):
            raise UserError(
                "The model's `test_step` must return a dict of numbers by name, without dicts in it. "
                f"Received the names: {', '.join(logs)}."
            )
        metric = tf.cast(metric, tf.float32)
        if metric.shape.rank:
            raise UserError(
                f"Argument `metric` must be a metric of one number. Received: {name!r}, which has the shape "
                f"{tuple(metric.shape)}. A metric of Keras that has one number a class takes `average`."
            )
        # The user's own `test_step` may report no loss; then the rate with the best score is chosen.
        loss = 1.0 - self.scale(metric) if loss is None else tf.reduce_mean(tf.cast(loss, tf.float32))
        return tf.stack([loss, metric])


def _as_in_evaluate(batch):
    """Hides a batch's size from its static shapes, because Keras 3 weights batches differently if it is known."""

    def forget(part):
        if tf.executing_eagerly() or isinstance(part, tf.RaggedTensor):
            return part
        return tf.compat.v1.placeholder_with_default(part, [None, *part.shape[1:]])

    return tf.nest.map_structure(forget, batch)


def find_name(logs: Mapping[str, Any], metric: Any, is_only: bool) -> str:
    """The name under which Keras reports a metric.

    Args:
      logs: The result of `test_step`.
      metric: See `KerasTask`.
      is_only: Whether it is the only metric that the model is compiled with, whatever its name in Keras.

    Raises:
      ValueError: If there is no such name, or more than one.
    """
    wanted = metric if isinstance(metric, str) else getattr(metric, "name", None) or getattr(metric, "__name__", "")
    if wanted in logs:
        return wanted
    names = [name for name in logs if without_number(name) == without_number(wanted)]
    if is_only and not names:
        names = [name for name in logs if name != "loss" and not name.endswith("_loss")]
    if len(names) != 1:
        numbered = any(re.search(r"_\d", name) for name in logs)
        advice = " Keras counts unnamed layers and metrics on from model to model: name them." if numbered else ""
        raise UserError(
            f"Argument `metric` must be a metric that the model is compiled with, one of: {', '.join(logs)}. "
            f"Received: {metric!r}.{advice}"
        )
    return names[0]


def find_unused(model: tf.keras.Model) -> Iterator[str]:
    """Yields a sentence about each kind of setting of a compiled model that is not used here."""
    names = ("fit", "evaluate", "make_train_function", "make_test_function")
    own = [name for name in names if getattr(type(model), name) is not getattr(tf.keras.Model, name)]
    if own:
        yield f"The model has its own {', '.join(own)}, without use here: what counts is train_step and test_step."
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    names = (
        "weight_decay",
        "use_ema",
        "gradient_accumulation_steps",
        "loss_scale_factor",
    )  # the last two are Keras 3's
    settings = [name for name in names if getattr(optimizer, name, None)]
    if settings:
        yield f"The {', '.join(settings)} of the model's optimizer is left out: rules are in its place."


def fixed_batch_size(model: tf.keras.Model) -> Optional[int]:
    """The batch size to which the model's inputs are fixed; None if they accept any."""
    try:
        inputs = tf.nest.flatten(model.inputs or [])
    except (AttributeError, ValueError):  # a model that is not built yet has no inputs
        return None
    sizes = {tensor.shape[0] for tensor in inputs} - {None}
    return min(sizes, default=None)


def is_stateful(model: tf.keras.Model) -> bool:
    """Whether any layer carries its state from batch to batch."""
    recurrent = (tf.keras.layers.RNN, tf.keras.layers.Bidirectional)
    return any(isinstance(layer, recurrent) and layer.stateful for layer in model._flatten_layers())


@contextlib.contextmanager
def generators_with_state() -> Iterator[None]:
    """Makes layers draw from generators whose state a run can set; otherwise Keras 2 continues draws across runs."""
    switch = getattr(tf.keras.backend, "experimental", None)  # Keras 3 has none, and needs none
    if switch is None or switch.is_tf_random_generator_enabled():
        yield
        return
    switch.enable_tf_random_generator()
    try:
        yield
    finally:
        switch.disable_tf_random_generator()
