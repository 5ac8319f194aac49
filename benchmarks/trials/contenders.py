"""The contenders of a comparison: their names on the command line, and the Keras optimizers that they stand for."""

import functools
import math
import pathlib
import sqlite3
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from benchmarks.trials.arguments import (
    BEGIN,
    TEXTS,
    Arguments,
    list_arguments,
    read_arguments,
    write_arguments,
)
from neural_optimizer_search import NoisyLinearCosineDecay, Rule, WarmUp, optimizers
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.schedule_shape import WARM_UP, Schedule
from neural_optimizer_search.schedules import MAKE_DECAY
from neural_optimizer_search.search.ranking import read_found_rules
from neural_optimizer_search.user_error import UserError

STEPS_DOWN, FACTOR = (0.3, 0.6, 0.8), 0.2  # Zagoruyko & Komodakis (2016): at 60, 120 and 160 of 200 epochs
RESTARTED = 7  # 1 + 2 + 4: three periods, each twice as long as the one before (Loshchilov & Hutter, 2017)


def _make_stepwise(rate, steps):
    boundaries = [round(share * steps) for share in STEPS_DOWN]
    values = [rate * FACTOR**i for i in range(len(STEPS_DOWN) + 1)]
    return tf.keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


def _make_restarts(rate, steps):
    # Rounded up: otherwise a fourth period would begin in the last steps, at the full rate.
    return tf.keras.optimizers.schedules.CosineDecayRestarts(rate, -(-steps // RESTARTED))


NOISY = "noisy_linear_cosine"
SCHEDULES = {
    **MAKE_DECAY,
    NOISY: NoisyLinearCosineDecay,
    "stepwise": _make_stepwise,
    "restarts": _make_restarts,
}
# Keras's own optimizers, which people already use.
KERAS = {
    "sgd": tf.keras.optimizers.SGD,
    "momentum": functools.partial(tf.keras.optimizers.SGD, momentum=0.9),
    "adam": tf.keras.optimizers.Adam,
    "adamw": tf.keras.optimizers.AdamW,
    "rmsprop": tf.keras.optimizers.RMSprop,
}
RUN = "run:"
# What may follow a schedule: field of a `Contender` -> (its text, the bound that its value must stay below).
AFTER = {"warmup": (WARM_UP, 1.0), "weight_decay": (", weight decay ", math.inf)}


class Contender(NamedTuple):
    """An optimizer and its learning-rate decay.

    Attributes:
      optimizer: A name of `KERAS` or of the catalogue, or a formula.
      schedule: A name of `SCHEDULES`.
      warmup: Fraction of the steps, at the beginning, during which the rate rises.
      weight_decay: Decoupled weight decay, relative to the rate. None for the optimizer's own.
      arguments: Constructor arguments, as (name, value) pairs.
    """

    optimizer: str
    schedule: str
    warmup: float = 0.0
    weight_decay: Optional[float] = None
    arguments: Arguments = ()

    def __str__(self) -> str:
        fields = {name: getattr(self, name) for name in AFTER}
        told = [f"{AFTER[name][0]}{value!r}" for name, value in fields.items() if value != self._field_defaults[name]]
        return "".join([f"{self.optimizer}{write_arguments(self.arguments)}@{self.schedule}", *told])

    def make(
        self, learning_rate: float, steps: int, seed: int = 0, **arguments: Any
    ) -> tf.keras.optimizers.Optimizer:
        """Creates the Keras optimizer for a training.

        Args:
          learning_rate: The initial rate.
          steps: Number of weight updates of the training.
          seed: Seed of what is random in the schedule and in the rule.
          **arguments: Further constructor arguments.
        """
        arguments.update(self.arguments)
        rising = Schedule(warmup=self.warmup).count_rising(steps)
        noise = {"seed": seed} if self.schedule == NOISY else {}
        rate = SCHEDULES[self.schedule](learning_rate, steps - rising, **noise)
        rate = WarmUp(rate, rising) if rising else rate
        if self.weight_decay is not None:
            arguments["weight_decay"] = self.weight_decay
        if self.optimizer in KERAS:
            return KERAS[self.optimizer](rate, **arguments)
        if self.rule.decays or any(name in arguments for name in TEXTS):
            arguments["decay_steps"] = steps
        if self.rule.random:
            arguments.setdefault("seed", seed)
        return optimizers.get(self.optimizer, learning_rate=rate, **arguments)

    @property
    def rule(self) -> Rule:
        """Its update rule, as a `Rule` of the search's language."""
        name = optimizers.catalogue.normalize_name(self.optimizer)
        return optimizers.CATALOGUE[name].rule if name in optimizers.CATALOGUE else _read_rule(self.optimizer)


def read_contender(text: str, schedule: str = "constant") -> Contender:
    """Parses OPTIMIZER or OPTIMIZER@SCHEDULE, optionally followed by ", warm-up SHARE" and ", weight decay SHARE".

    Args:
      text: The contender. Its optimizer is a name of the catalogue (`nos-optimizers` lists them), a formula, or
        `run:RUN#K`, the K-th best rule of a search; constructor arguments may follow it, `?NAME=VALUE&NAME=VALUE`.
      schedule: The decay to use if the text names none.

    Raises:
      UserError: If there is no such optimizer, argument or schedule, or an argument has an invalid value.
    """
    name, _, after = text.rpartition("@") if "@" in text else (text, "", schedule)
    given = {}
    for field, (words, limit) in reversed(AFTER.items()):
        after, told, number = after.partition(words)
        if told:
            given[field] = _read_number(words.strip(", "), number, limit)
    if after not in SCHEDULES:
        raise UserError(f"a learning-rate decay must be one of {', '.join(SCHEDULES)}. Received: {after!r}")
    if name.startswith(RUN):
        return Contender(_read_rule_of_run(name).formula(), after, **given)
    name, begin, arguments = name.partition(BEGIN)
    contender = Contender(_read_optimizer(name), after, **given)
    return _add_arguments(contender, arguments) if begin else contender


def _add_arguments(contender, text):
    name, row = contender.optimizer, optimizers.CATALOGUE.get(contender.optimizer)
    make = KERAS.get(name) or (row.optimizer if row else optimizers.RuleOptimizer)
    allowed = list_arguments(make, row.arguments if row and name not in KERAS else ())
    found = contender._replace(arguments=read_arguments(text, name, allowed))
    try:
        found.make(learning_rate=0.1, steps=1)
    except ValueError as error:
        raise UserError(f"{name}{BEGIN}{text} is invalid: {error}") from None
    return found


def _read_number(what, text, limit):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < limit:
        raise UserError(f"a {what} must be a number in [0, {limit:g}). Received: {text!r}")
    return number


def _read_optimizer(name):
    known = optimizers.catalogue.normalize_name(name)
    return known if known in optimizers.CATALOGUE else _read_rule(name).formula()


def _read_rule(formula):
    # Not `parse_formula`: its error would not suggest similar names.
    return optimizers.get(formula, decay_steps=1).rule


def _read_rule_of_run(text):
    path, _, number = text.removeprefix(RUN).rpartition("#")
    if not path or not number.isdecimal() or int(number) < 1:
        raise UserError(f"a rule of a run is written run:RUN#K with K = 1 for the best. Received: {text!r}")
    try:
        found = read_found_rules(pathlib.Path(path))
    except (OSError, Damaged, sqlite3.Error) as error:
        raise UserError(f"{path} is not a run of nos-search that can be read: {error}") from None
    if len(found) < int(number):
        raise UserError(f"{path} has {len(found)} rules, and none of rank {number}")
    return found[int(number) - 1].rule
