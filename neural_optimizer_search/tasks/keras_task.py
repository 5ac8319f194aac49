"""`KerasTask`: your own Keras model as what update rules are measured on."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.tasks.child import Child, predict
from neural_optimizer_search.tasks.in_memory import ALL, read_into_memory
from neural_optimizer_search.tasks.keras_losses_metrics import (
    MetricScale,
    higher_is_better,
    keras_metric,
    mean_loss,
    measurement,
)
from neural_optimizer_search.tasks.protocol import DECADES, Protocol

SIZES = {field.name for field in fields(Protocol)} - {"name", "final_steps"}
REWARDS = ("mean_accuracy", "final_accuracy")  # of the scores; cross-entropy is one metric among others
VALIDATIONS = 6  # at most, in a final run


@dataclass(frozen=True, eq=False)
class KerasTask:
    """A Keras model, its data, and what a rule that trains it is paid for.

    Validations during the final run give the metric's value x, and each x a score

        (x - worst) / (best - worst), or 0 if that is less or x is not finite,

    where best = 1 and worst = 0 for a metric that is the better the higher: an accuracy is its own score. For a
    metric that is the better the lower, best = 0 and worst is x of the untrained model with the protocol's first
    seed: the score is the part of the untrained model's error that training removes, whatever the unit of the error.
    The reward is the mean of the scores of the final run (protocol `paper`: the last score), averaged over seeds; a
    rule that diverges is paid 0, as one that leaves the model as bad as it was.

    The model is called with `training=True` in steps; losses of its regularizers are added to `loss`. Dropout and
    batch normalization work; give the latter a momentum below Keras's 0.99, with which moving statistics lag behind
    in runs of some hundred steps. Random numbers must come from layers of Keras, a `call` that branches on tensors in
    Python needs `@tf.function`, and masks do not reach the loss.

    Args:
      model: Function without arguments that makes a Keras model with fresh weights, of float32.
      train, validation: Batches of (inputs, targets), as a `tf.data.Dataset` that Keras's `fit` would take; or a
        tuple (inputs, targets) of arrays; or, best, a function without arguments that returns either. Inputs and
        targets may be tuples or dicts. They are read once into memory, and padded to one length; a dataset must yield
        the same examples each time it is read.
      loss: Loss of Keras, its name, or a function of (targets, predictions); None for a model that the function has
        compiled with one. More than one output needs a function.
      metric: "loss", "accuracy", a metric of Keras or its name, or a function of (targets, predictions) whose mean
        over examples counts.
      higher_is_better: Of `metric`; needed if its name does not say.
      worst: Value of `metric` that is paid nothing, in place of what is said above.
      steps: Steps of the final run in the protocol `default`.
      sizes: Fields of that `Protocol` in place of its defaults: batch_size=100, sweep_steps=steps / 3, validate_every
        for up to 6 validations, nine learning_rates from 1e-4 to 1 (centred), finalists=3, seeds=(0, 1, 2).
        train_examples and validation_examples, for what is too large to keep or has no end, are the first so many.
        The other protocols follow: `reduced` is a third of it with one seed and every other rate, `paper` has the
        paper's rates and reward.
      max_bytes: The most that the examples of a dataset may take in memory, in each process.
      name: The name for messages.

    Example:
      >>> import numpy as np
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.measuring.evaluator import Evaluator
      >>> from neural_optimizer_search.tasks import KerasTask
      >>> x = np.random.default_rng(0).normal(size=(300, 4))
      >>> y = x.sum(axis=1)
      >>> task = KerasTask(
      ...     model=lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]),
      ...     train=(x[:200], y[:200]),
      ...     validation=(x[200:], y[200:]),
      ...     loss="mse",
      ...     metric="mae",
      ...     steps=30,
      ...     sizes=dict(batch_size=20, seeds=(0,)),
      ... )
      >>> Evaluator(task, task.protocols["default"])(parse_formula("Adam")).reward > 0.5
      True
    """

    model: Callable[[], tf.keras.Model]
    train: Any
    validation: Any
    loss: Any = None
    metric: Any = "loss"
    higher_is_better: Optional[bool] = None
    worst: Optional[float] = None
    steps: int = 100
    sizes: Mapping[str, Any] = field(default_factory=dict)
    max_bytes: int = 2**31
    name: str = "keras"
    protocols: dict[str, Protocol] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.model, tf.keras.Model) or not callable(self.model):
            raise ValueError(
                "Argument `model` must be a function without arguments that makes a new Keras model each time. "
                f"Received: {self.model!r}."
            )
        if not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(f"Argument `steps` must be a whole number of at least 1. Received: {self.steps!r}.")
        if not SIZES.issuperset(self.sizes):
            raise ValueError(
                f"Argument `sizes` must be a dict with keys among: {', '.join(sorted(SIZES))}. "
                f"Received: {', '.join(sorted(set(self.sizes) - SIZES))}."
            )
        if self.sizes.get("reward", REWARDS[0]) not in REWARDS:
            raise ValueError(
                f"Argument `sizes` must have a reward among: {', '.join(REWARDS)} (of the scores). "
                f"Received: {self.sizes['reward']!r}."
            )
        if self._higher_is_better() is None:
            raise ValueError(
                f"Argument `higher_is_better` must be True or False for a metric whose name does not say it: "
                f"{self.metric!r}. Received: None."
            )
        object.__setattr__(self, "protocols", _protocols(self.steps, self.sizes))

    def __getstate__(self) -> dict[str, Any]:
        for argument in ("train", "validation"):
            if isinstance(getattr(self, argument), tf.data.Dataset):
                raise TypeError(
                    f"Argument `{argument}` must be a function that makes the dataset, because a tf.data.Dataset "
                    "does not go to worker processes. Or name the task: find_task('module:attribute')."
                )
        return self.__dict__

    def identity(self, protocol: Protocol) -> None:
        """None: the code of a model of the user's own may change between two searches."""
        return None

    def child(self, protocol: Protocol, data_dir: Optional[str] = None) -> Child:
        """The `Child` that rules are measured on; `data_dir` is not for it."""
        train = read_into_memory(self.train, "train", protocol.train_examples, self.max_bytes)
        validation = read_into_memory(self.validation, "validation", protocol.validation_examples, self.max_bytes)
        examples = tf.nest.flatten(train)[0].shape[0]
        if protocol.batch_size > examples:
            raise ValueError(
                f"Argument `sizes` must have a batch_size of at most {examples}, the examples of `train`. "
                f"Received: {protocol.batch_size}."
            )
        some_inputs = tf.nest.map_structure(lambda part: part[:2], train[0])

        def make_model():
            with generators_with_state():
                model = self.model()
                if not isinstance(model, tf.keras.Model):
                    raise ValueError(
                        f"Argument `model` must be a function that makes a Keras model. It made: {model!r}."
                    )
                model(some_inputs, training=False)  # a subclassed model makes its weights now
            return model

        tf.keras.utils.set_random_seed(protocol.seeds[0])
        model = make_model()
        _check_weights(model, make_model())
        loss = mean_loss(self._loss(model))
        metric = keras_metric(self.metric, self._loss(model), *next(predict(model, validation)))
        measure = measurement(metric, loss)
        scale = self._scale(float(measure(predict(model, validation))[0]))

        def score(batches):
            value, mean = measure(batches)
            return tf.stack([scale(value), mean])

        return Child(
            make_model,
            train,
            validation,
            protocol.batch_size,
            loss,
            score,
            metric=lambda batches: measure(batches)[0],
        )

    def _loss(self, model):
        loss = getattr(model, "loss", None) if self.loss is None else self.loss
        if loss is None:
            raise ValueError(
                "Argument `loss` must be given, because the model was not compiled with one: a loss of Keras, its "
                "name, or a function of (targets, predictions). Received: None."
            )
        return loss

    def _higher_is_better(self):
        return higher_is_better(self.metric) if self.higher_is_better is None else self.higher_is_better

    def _scale(self, untrained):
        best = 1.0 if self._higher_is_better() else 0.0
        worst = (0.0 if best else untrained) if self.worst is None else self.worst
        if self.worst is None and not best and not math.isfinite(untrained):
            raise ValueError(
                f"The metric of the untrained model on the validation data is {untrained}: look for NaN and infinity "
                "in the data, and at what the metric computes."
            )
        if not ((worst < best) if best else (0.0 < worst < float("inf"))):
            raise ValueError(
                f"Argument `worst` must be {'less than 1' if best else 'a finite number above 0'} for a metric that "
                f"is the better the {'higher' if best else 'lower'}. Received: {self.worst}; the untrained model has "
                f"{untrained:.4g}. A metric of another range needs a function that maps it to one from 0 to 1."
            )
        return MetricScale(best, worst)


def _protocols(steps, sizes):
    """The three protocols of a task, by name; `sizes` are fields of the first."""
    defaults = dict(
        name="default",
        train_examples=ALL,
        validation_examples=ALL,
        learning_rates=tuple(10.0 ** (i / 2) for i in range(-8, 1)),
        sweep_steps=_part(steps, 3),
        final_steps=steps,
        validate_every=_validate_every(steps),
        finalists=3,
    )
    default = Protocol(**{**defaults, **sizes})
    reduced = replace(
        default,
        name="reduced",
        learning_rates=default.learning_rates[::2],
        sweep_steps=_part(default.sweep_steps, 3),
        final_steps=_part(steps, 3),
        validate_every=_validate_every(_part(steps, 3)),
        seeds=default.seeds[:1],
    )
    paper = replace(
        default,
        name="paper",
        learning_rates=DECADES,
        sweep_steps=_part(steps, 5),  # one epoch and five in the paper
        validate_every=steps,
        centred=False,
        finalists=None,
        reward="final_accuracy",
        seeds=default.seeds[:1],
    )
    return {protocol.name: protocol for protocol in (default, reduced, paper)}


def _part(steps, parts):
    return max(1, steps // parts)


def _validate_every(steps):
    """The steps between validations that end with the run and are as many as may be."""
    return steps // max(count for count in range(1, VALIDATIONS + 1) if steps % count == 0)


def _check_weights(model, another):
    shared = {id(weight) for weight in model.trainable_variables} & {
        id(weight) for weight in another.trainable_variables
    }
    if shared or not model.trainable_variables:
        raise ValueError(
            "Argument `model` must make a model with trainable weights of its own each time. Two models that it made "
            f"{'share weights' if shared else 'have none'}."
        )
    kinds = {tf.as_dtype(weight.dtype).name for weight in model.trainable_variables}
    if kinds != {"float32"}:
        raise ValueError(
            f"Argument `model` must make a model whose trainable weights are float32. "
            f"Received: {', '.join(sorted(kinds))}."
        )


@contextlib.contextmanager
def generators_with_state() -> Iterator[None]:
    """Layers made here draw from generators whose state a run can set; else Keras 2 draws go on from run to run."""
    switch = getattr(tf.keras.backend, "experimental", None)  # Keras 3 has none: its generators are such
    if switch is None or switch.is_tf_random_generator_enabled():
        yield
        return
    switch.enable_tf_random_generator()
    try:
        yield
    finally:
        switch.disable_tf_random_generator()
