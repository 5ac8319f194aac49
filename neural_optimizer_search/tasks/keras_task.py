"""`KerasTask`: your own Keras model as a task on which update rules are measured."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

import tensorflow as tf

from neural_optimizer_search.tasks.child import Child, eager_functions, length, rows
from neural_optimizer_search.tasks.finite_data import find_not_finite
from neural_optimizer_search.tasks.in_memory import read_into_memory
from neural_optimizer_search.tasks.keras_child import (
    CompiledModel,
    Validation,
    find_unused,
    fixed_batch_size,
    is_stateful,
    train_step,
)
from neural_optimizer_search.tasks.keras_protocols import SCORE_REWARDS, SIZES, make_protocols
from neural_optimizer_search.tasks.metric_scale import MetricScale, higher_is_better
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.user_error import UserError

BATCH_SIZE = 32  # for data without batches, as in Keras's `fit`


@dataclass(frozen=True, eq=False)
class KerasTask:
    """A compiled Keras model, its data, and the metric by which a rule that trains it is scored.

    A step is the model's `train_step`, with the rule as its optimizer; a validation runs its `test_step` over the
    validation data. So losses, masks, weights, constraints, regularizers, several outputs, mixed precision and the
    model's own steps work as in Keras's `compile`, `fit` and `evaluate`. The optimizer that the model is compiled
    with is replaced, except for its `clipnorm`, `clipvalue` and `global_clipnorm`.

    Each validation during the final run gives a value x of the metric, whose score is

        (x - worst) / (best - worst), or 0 if that is less or x is not finite,

    where best = 1 and worst = 0 for a metric where higher is better: an accuracy is its own score. If lower values
    are better, best = 0 and worst is the value for the untrained model with the protocol's first seed: the score is
    the fraction of the untrained model's error that training removes, whatever the unit of the error. The reward is
    the mean of the last third of the final run's scores, averaged over seeds. A rule that diverges scores 0, as does
    one that leaves the model no better than untrained.

    The learning rate falls linearly to 0 in each run, in the sweep and in the final run, as in a full-length
    training. The protocol `paper` follows the paper: a constant rate, and the last score.

    Training differs from `fit` in four ways: the data are read into memory once; each epoch has the full batches of a
    new random order, and drops the remaining examples; training metrics are not reset between epochs; there are no
    callbacks.

    Give batch normalization a momentum below Keras's 0.99, because with 0.99 the moving statistics lag behind in runs
    of a few hundred steps. Random numbers must come from Keras's layers or seed generators, or from TensorFlow's
    normal, truncated_normal, uniform, shuffle, categorical or dropout.

    Args:
      model: Function without arguments that returns a Keras model with fresh float32 weights: compiled, or not
        compiled if `loss` is given. Its `train_step` must make the optimizer apply gradients once. It may do so in
        some steps only, to accumulate gradients; t counts these updates, but T counts steps.
      train, validation: Data as for `fit`: a tuple (x, y) or (x, y, sample_weight) of arrays, tensors or pandas
        frames, where x and y may be tuples or dicts; a `tf.data.Dataset` of batches; a Keras `Sequence` or
        `PyDataset`; a generator; or, preferably, a function without arguments that returns one of these. They are
        read into memory once; batches of different lengths are padded to one length. The examples must be the same
        each time.
      loss: See `compile`. None if the model is compiled.
      metric: "loss", or the name under which Keras reports one of the metrics that the model is compiled with. With
        `loss`, anything that `compile` takes as one metric: a name, a function of (targets, predictions), an object,
        or a dict from an output's name to its metric.
      loss_weights: See `compile`; only with `loss`.
      higher_is_better: Whether higher values of `metric` are better; required if its name does not tell.
      worst: Value of `metric` that scores 0, instead of the default above.
      class_weight: A dict from a class to the weight of its training examples; see `fit`.
      steps: Steps of the final run in the protocol `default`.
      steps_per_epoch, validation_steps: Number of batches to read from endless data; see `fit`.
      sizes: Fields of that `Protocol` that replace its defaults: batch_size (that of the data's own batches, or 32
        for arrays, as in `fit`), validation_batch_size (that of the data's own batches, or batch_size),
        sweep_steps=steps / 3, validate_every for up to 6 validations, nine learning_rates from 1e-4 to 1 (centred),
        finalists=3, seeds=(0, 1, 2), reward="end_accuracy" (or "mean_accuracy", the mean of all scores of the final
        run, or "final_accuracy", the last score), schedules=("linear",) (texts or `Schedule`s, such as "cosine,
        warm-up 0.1"), weight_decays=(0.0,) (relative to the rate, as in AdamW), racing=Racing() (from
        `tasks.protocol`; None to measure every rule fully, with all rates). With several schedules or weight decays,
        each rule uses its best pair, and each pair costs one more final run. train_examples and validation_examples
        limit data that are too large for memory to their first examples. The other protocols derive from `default`:
        `reduced` is a third of it with one seed and every other rate; `paper` has the paper's rates, reward and
        constant rate.
      max_bytes: Maximum memory of the examples in each process, for `train` and `validation` separately.
      name: The name for messages.

    Example:
      >>> import numpy as np
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.measuring.evaluator import Evaluator
      >>> from neural_optimizer_search.tasks import KerasTask
      >>> x = np.random.default_rng(0).normal(size=(300, 4))
      >>> y = x.sum(axis=1)
      >>> def model():
      ...     model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
      ...     model.compile(optimizer="adam", loss="mse", metrics=["mae"])
      ...     return model
      >>> task = KerasTask(
      ...     model=model,
      ...     train=(x[:200], y[:200]),
      ...     validation=(x[200:], y[200:]),
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
    loss_weights: Any = None
    class_weight: Optional[Mapping[int, float]] = None
    steps_per_epoch: Optional[int] = None
    validation_steps: Optional[int] = None
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
        if self.sizes.get("reward", SCORE_REWARDS[0]) not in SCORE_REWARDS:
            raise ValueError(
                f"Argument `sizes` must have a reward among: {', '.join(SCORE_REWARDS)} (of the scores). "
                f"Received: {self.sizes['reward']!r}."
            )
        if self.loss is None and not isinstance(self.metric, str):
            raise ValueError(
                "Argument `metric` must be the name of a metric that the model is compiled with, unless `loss` is "
                f"given. Received: {self.metric!r}."
            )
        if self.loss is None and self.loss_weights is not None:
            raise ValueError("Argument `loss_weights` must be None without `loss`: the compiled model has its own.")
        if self._higher_is_better() is None:
            raise ValueError(
                f"Argument `higher_is_better` must be True or False for a metric whose name does not say it: "
                f"{self.metric!r}. Received: None."
            )
        object.__setattr__(self, "protocols", make_protocols(self.steps, self.sizes))

    def __getstate__(self) -> dict[str, Any]:
        for argument in ("train", "validation"):
            if isinstance(getattr(self, argument), (tf.data.Dataset, Iterator)):
                raise TypeError(
                    f"Argument `{argument}` must be a function that makes the dataset, because a tf.data.Dataset "
                    "or a generator does not go to worker processes. Or name the task: find_task('module:attribute')."
                )
        return self.__dict__

    def identity(self, protocol: Protocol) -> None:
        """None: the code of the user's own model may change between two searches."""
        return None

    def child(self, protocol: Protocol, data_dir: Optional[str] = None) -> Child:
        """The `Child` on which rules are measured; `data_dir` is not used."""
        train = read_into_memory(
            self.train, "train", protocol.train_examples, self.max_bytes, self.steps_per_epoch, self.class_weight
        )
        validation = read_into_memory(
            self.validation, "validation", protocol.validation_examples, self.max_bytes, self.validation_steps
        )
        make_model = CompiledModel(self.model, self.loss, self.loss_weights, self.metric)
        tf.keras.utils.set_random_seed(protocol.seeds[0])
        model = make_model()
        batch_size = self._batch_size(protocol, train, fixed_batch_size(model))
        measured_batch = protocol.validation_batch_size or validation.batch_size or batch_size
        _check_batches(model, validation.data, measured_batch)
        as_it_is = Validation(self.metric, measured_batch, MetricScale(1.0, 0.0), is_only=self.loss is not None)
        _, untrained_loss, untrained = as_it_is(model, validation.data).numpy().tolist()
        another = make_model()
        with eager_functions():
            as_it_is(another, rows(validation.data, 0, measured_batch))  # a subclassed model creates its weights now
        _check_weights(model, another)
        scale = self._scale(untrained, find_not_finite(train.data, validation.data))
        return Child(
            make_model,
            train.data,
            validation.data,
            batch_size,
            train_step,
            dataclasses.replace(as_it_is, scale=scale),
            metric_name=describe_metric(self.metric),
            scale=(scale.worst, scale.best),
            untrained_loss=untrained_loss,
            notes=tuple(filter(None, [*find_unused(model), train.padding, validation.padding])),
            is_plain=type(model).test_step is tf.keras.Model.test_step,
        )

    def _batch_size(self, protocol, train, fixed):
        """The first given one of the protocol's, the model's, the data's own and Keras's batch size."""
        examples = length(train.data)
        given = protocol.batch_size
        if given is not None and given > examples:
            raise UserError(
                f"Argument `sizes` must have a batch_size of at most {examples}, the examples of `train`. "
                f"Received: {given}."
            )
        if fixed is not None and given not in (None, fixed):
            raise UserError(
                f"Argument `sizes` must have the batch_size {fixed}, to which the model's inputs are fixed. "
                f"Received: {given}."
            )
        if fixed is not None and fixed > examples:
            raise UserError(
                f"Argument `train` must have at least {fixed} examples, the batch size to which the model's inputs "
                f"are fixed. Received: {examples}."
            )
        return given or fixed or min(train.batch_size or BATCH_SIZE, examples)

    def _higher_is_better(self):
        return higher_is_better(self.metric) if self.higher_is_better is None else self.higher_is_better

    def _scale(self, untrained, not_finite):
        best = 1.0 if self._higher_is_better() else 0.0
        worst = (0.0 if best else untrained) if self.worst is None else self.worst
        if self.worst is None and not best and not math.isfinite(untrained):
            told = f"The metric of the untrained model on the validation data is {untrained}:"
            advice = "look for NaN and infinity in the data, and at what the metric computes."
            raise UserError(" ".join([told, advice, *(part.refusal for part in not_finite)]))
        if not ((worst < best) if best else (0.0 < worst < float("inf"))):
            raise UserError(
                f"Argument `worst` must be {'less than 1' if best else 'a finite number above 0'} for a metric of "
                f"which {'higher' if best else 'lower'} values are better. Received: {self.worst}; the untrained "
                f"model has {untrained:.4g}. A metric of another range needs a function that maps it to one from 0 "
                "to 1."
            )
        return MetricScale(best, worst)


def describe_metric(metric: Any) -> str:
    """The name of a metric for messages."""
    if isinstance(metric, dict):
        return ", ".join(f"{describe_metric(value)} of {name}" for name, value in metric.items())
    if isinstance(metric, str):
        return metric
    name = getattr(metric, "__name__", None) or getattr(metric, "name", "")
    return name if name.isidentifier() else "metric"  # a lambda has no name of its own


def _check_batches(model, validation, batch_size):
    """Checks that a model with a fixed batch size or a state suits these batches."""
    fixed = fixed_batch_size(model)
    if fixed is not None and (batch_size != fixed or length(validation) % fixed):
        raise UserError(
            f"Argument `validation` must be in batches of {fixed}, to which the model's inputs are fixed, without a "
            f"rest. Received: {length(validation)} examples in batches of {batch_size}."
        )
    if is_stateful(model):
        raise UserError(
            "Argument `model` must make a model without stateful=True: batches come in random order, so that no "
            "state belongs to the next one."
        )


def _check_weights(model, another):
    shared = {id(weight) for weight in model.trainable_variables} & {
        id(weight) for weight in another.trainable_variables
    }
    if shared or not model.trainable_variables:
        raise UserError(
            "Argument `model` must make a model with trainable weights of its own each time. Two models that it made "
            f"{'share weights' if shared else 'have none'}."
        )
    kinds = {tf.as_dtype(weight.dtype).name for weight in model.trainable_variables}
    if kinds != {"float32"}:
        raise UserError(
            f"Argument `model` must make a model whose trainable weights are float32. "
            f"Received: {', '.join(sorted(kinds))}."
        )
