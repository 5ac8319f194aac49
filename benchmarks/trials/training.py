"""One training with `model.compile` and `model.fit`, evaluated periodically on the validation data."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from benchmarks.trials.contenders import Contender
from benchmarks.trials.trials import Trial


@dataclass(frozen=True)
class Work:
    """What to train, and on which data.

    Args:
      model: Function that returns a Keras model; called within the strategy's scope.
      loss: The loss, as `compile` takes it.
      train: An endless `tf.data.Dataset` of batches.
      validation, test: Datasets of batches.
      steps: Number of weight updates.
      evaluations: Number of evaluations on the validation data, at equal intervals; divides `steps`.
      measure: Function from the logs of `evaluate`, such as {"loss": 1.2, "accuracy": 0.5}, to the reported number.
      larger_is_better: Whether a larger number is better.
      metrics: Function that returns the metrics for `compile`; called within the scope.
      clipnorm: Largest global norm of the gradients; None for no clipping.
      test_curve: Whether trials that test evaluate the test data as often as the validation data.
    """

    model: Callable
    loss: Any
    train: Any
    validation: Any
    test: Any
    steps: int
    evaluations: int
    measure: Callable
    larger_is_better: bool
    metrics: Callable = list
    clipnorm: Optional[float] = None
    test_curve: bool = False

    def __post_init__(self) -> None:
        if self.steps % self.evaluations:
            raise ValueError(f"{self.evaluations} evaluations do not divide {self.steps} steps.")


def train(
    work: Work,
    contender: Contender,
    trial: Trial,
    strategy: tf.distribute.Strategy,
    finish: Callable[[tf.keras.Model], dict[str, Any]] = lambda model: {},
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains and evaluates a model.

    Args:
      work: What to train, and on which data.
      contender: The optimizer.
      trial: Its learning rate, options and seed.
      strategy: The strategy to train with.
      finish: Function from the model with the weights of the best step to further results; only for trials that test.
      callbacks: Further callbacks of `fit`, only for trials that test; an epoch ends after each validation.

    Returns:
      A dict with `curve`, [[step, validation], ...]; `best` and `final`, its best and last values; `best_step`;
      `diverged`, whether the loss became non-finite, which ends the training; and `seconds`. For trials that test,
      also `test`, with the weights of the best step, `test_final` and, if `work.test_curve` is set, `test_curve`.
    """
    started = time.perf_counter()
    tf.keras.utils.set_random_seed(trial.seed)
    asynchronous = isinstance(strategy, tf.distribute.ParameterServerStrategy)
    model = _compile(work, contender, trial, strategy)
    watch = Watch(work, asynchronous, trial.tests)
    # Asynchronous workers do not report the losses of individual batches.
    ends = [] if asynchronous else [tf.keras.callbacks.TerminateOnNaN()]
    tf.keras.utils.disable_interactive_logging()  # otherwise that callback prints where it stops
    model.fit(
        _shard(work.train),
        epochs=work.evaluations,
        steps_per_epoch=work.steps // work.evaluations,
        callbacks=[watch, *ends, *(callbacks if trial.tests else ())],
        verbose=0,
    )
    diverged = len(watch.curve) < work.evaluations
    result = dict(
        curve=watch.curve,
        best=watch.best,
        best_step=watch.best_step,
        final=None if diverged else watch.curve[-1][1],
        diverged=diverged,
    )
    if trial.tests:
        result.update(_test(work, watch, finish, diverged))
    return dict(result, seconds=round(time.perf_counter() - started, 1))


def _test(work, watch, finish, diverged):
    """The test results, for a trial that tests."""
    result = dict(test=None, test_final=None, **(dict(test_curve=watch.test_curve) if work.test_curve else {}))
    if not watch.weights or diverged:
        return result
    measured = dict(watch.test_curve)
    result["test_final"] = measured[work.steps] if work.test_curve else watch.measure(work.test)
    watch.model.set_weights(watch.weights)
    result["test"] = measured[watch.best_step] if work.test_curve else watch.measure(work.test)
    return dict(result, **finish(watch.model))


def _compile(work, contender, trial, strategy):
    """Creates and compiles the model."""
    with strategy.scope():
        model = work.model()
        clip = {} if work.clipnorm is None else {"global_clipnorm": work.clipnorm}
        how = {**clip, **dict(trial.options)}
        optimizer = contender.make(trial.learning_rate, work.steps, trial.noise_seed, **how)
        model.compile(optimizer=optimizer, loss=work.loss, metrics=work.metrics())
        # Otherwise Keras creates the slots within the first step and traces it twice.
        optimizer.build(model.trainable_variables)
    return model


class Watch(tf.keras.callbacks.Callback):
    """Evaluates after each epoch of `fit`, keeps the best weights, and stops a training that diverged.

    Args:
      work: What to train, and on which data.
      asynchronous: Whether asynchronous workers evaluate; they may see some batches twice and others never.
      keep: Whether to keep the weights of the best step, and to evaluate the test data if `work.test_curve` is set.
    """

    def __init__(self, work: Work, asynchronous: bool, keep: bool):
        super().__init__()
        self._work, self._asynchronous, self._keep = work, asynchronous, keep
        self.curve, self.best, self.best_step, self.weights = [], None, None, None
        self.test_curve = []

    def measure(self, data: tf.data.Dataset) -> Optional[float]:
        """The reported number; None if it or the loss is not finite."""
        data, steps = _shard(data), None
        if self._asynchronous:
            data, steps = data.repeat(), sum(1 for _ in data)  # they cannot tell where the data end
        logs = self.model.evaluate(data, steps=steps, verbose=0, return_dict=True)
        value = self._work.measure(logs) if math.isfinite(logs["loss"]) else math.nan
        return float(value) if math.isfinite(value) else None

    def on_epoch_end(self, epoch: int, logs: Optional[dict] = None) -> None:
        value = self.measure(self._work.validation) if math.isfinite(logs["loss"]) else None
        if value is None:
            self.model.stop_training = True
            return
        step = (epoch + 1) * self._work.steps // self._work.evaluations
        self.curve.append([step, value])
        if self._keep and self._work.test_curve:
            self.test_curve.append([step, self.measure(self._work.test)])
        if self.best is None or (value > self.best if self._work.larger_is_better else value < self.best):
            self.best, self.best_step = value, step
            if self._keep:
                self.weights = self.model.get_weights()


def perplexity(nats: float) -> float:
    """exp(nats), or infinity if that exceeds the range of floats."""
    return math.exp(nats) if nats < math.log(sys.float_info.max) else math.inf


def _shard(data):
    """Shards the data among workers by batch, because there are too few files to shard by file."""
    policy = tf.data.Options()
    policy.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.with_options(policy)
