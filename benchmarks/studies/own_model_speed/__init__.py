"""How much faster is our trial than a careful user's code: `compile` once, then `fit` for each trial?

A trial trains fresh weights with one learning rate and validates at the end. The Keras trial uses one compiled model;
before each `fit`, its weights and optimizer are reset and its rate is set. Our trial is the traced training of a
search, with the tokens of Adam. Model, data, batch size, and numbers of steps and validations are the same. Processor
time is measured in alternating pairs, after a first trial of each that makes the traces.

    python -m benchmarks.run own_model_speed
"""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.studies.own_model_speed.models import STEPS, TASKS
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks import KerasTask

TITLE = "how much faster is a trial on your own model than compiling once and calling fit?"
RATES = (1e-3, 3e-3, 1e-2)


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of this study."""

    models: Sequence[str] = flag(tuple(TASKS), "which models", choices=TASKS, nargs="+", metavar="NAME")
    repeats: int = flag(15, "pairs of trials of each model", parse=whole_number(1, 1_000))


def run(config: Config) -> dict[str, Any]:
    """Measures each model; returns the medians of the ratios."""
    print(f"{'model':12s} {'fit, ms a step':>15s} {'ours, ms a step':>16s} {'ratio':>6s}   lowest to highest")
    ratios, seconds = {}, {}
    for name in config.models:
        pairs = measure_pairs(TASKS[name], config.repeats)
        theirs, ours = (1000 * statistics.median(side) / STEPS for side in zip(*pairs))
        every = sorted(fit / traced for fit, traced in pairs)
        ratios[name], seconds[name] = statistics.median(every), [theirs, ours]
        spread = f"{every[0]:.2f} to {every[-1]:.2f}"
        print(f"{name:12s} {theirs:15.3f} {ours:16.3f} {ratios[name]:6.2f}   {spread}", flush=True)
    return dict(repeats=config.repeats, steps=STEPS, ms_a_step=seconds, ratios=ratios)


def measure_pairs(task: KerasTask, repeats: int) -> list[tuple[float, float]]:
    """Pairs (processor seconds of a trial with `fit`, of one of ours), measured in turns."""
    fit, train = _make_fit(task), _make_training(task)
    fit(RATES[0])
    train(RATES[0])
    return [
        tuple(_measure(trial, rate) for trial in (fit, train))
        for _, rate in zip(range(repeats), itertools.cycle(RATES))
    ]


def _measure(trial: Callable[[float], None], rate: float) -> float:
    started = time.process_time()
    trial(rate)
    return time.process_time() - started


def _make_training(task):
    """A trial of ours, as a function of the rate."""
    training = ChildTraining(task.child(task.protocols["default"]))
    rule = parse_formula("Adam")

    def train(rate):
        run = training(rule, RunPlan(rate, 0, STEPS, STEPS))
        assert run.finite and run.steps == STEPS

    return train


def _make_fit(task):
    """A trial with Keras, as a function of the rate: the model is compiled once, for all trials."""
    protocol = task.protocols["default"]
    tf.keras.utils.set_random_seed(0)
    model = task.model()
    model.optimizer.build(model.trainable_variables)
    weights = model.get_weights()
    variables = model.optimizer.variables
    kept = [np.array(variable) for variable in (variables() if callable(variables) else variables)]
    data = tf.data.Dataset.from_tensor_slices(task.train).cache().shuffle(len(task.train[1]))
    data = data.batch(protocol.batch_size, drop_remainder=True).repeat().prefetch(1)

    def fit(rate):
        model.set_weights(weights)
        for variable, value in zip(variables() if callable(variables) else variables, kept):
            variable.assign(value)
        model.optimizer.learning_rate = rate
        history = model.fit(
            data,
            steps_per_epoch=STEPS,
            validation_data=task.validation,
            validation_batch_size=protocol.batch_size,
            verbose=0,
        ).history
        assert np.isfinite(history["val_loss"][-1])

    return fit
