"""Who takes part in a comparison: names on the command line, and the Keras optimizers that they stand for."""

import functools
import pathlib
import sqlite3
from typing import Any, NamedTuple

import tensorflow as tf

from neural_optimizer_search import LinearCosineDecay, NoisyLinearCosineDecay, Rule, optimizers
from neural_optimizer_search.search.ranking import read_found_rules

SCHEDULES = {
    "constant": lambda rate, steps: rate,
    "cosine": tf.keras.optimizers.schedules.CosineDecay,
    "linear_cosine": functools.partial(LinearCosineDecay, beta=0.0),  # the paper's ld * cd
    "noisy_linear_cosine": NoisyLinearCosineDecay,
}
# What people have today, as they have it: Keras's own.
KERAS = {
    "sgd": tf.keras.optimizers.SGD,
    "momentum": functools.partial(tf.keras.optimizers.SGD, momentum=0.9),
    "adam": tf.keras.optimizers.Adam,
    "rmsprop": tf.keras.optimizers.RMSprop,
}
RUN = "run:"


class Contender(NamedTuple):
    """An optimizer and a decay of its learning rate.

    Attributes:
      optimizer: A name of `KERAS` or of the catalogue, or a formula.
      schedule: A name of `SCHEDULES`.
    """

    optimizer: str
    schedule: str

    def __str__(self) -> str:
        return f"{self.optimizer}@{self.schedule}"

    def make(self, learning_rate: float, steps: int, **arguments: Any) -> tf.keras.optimizers.Optimizer:
        """A Keras optimizer for a training of so many steps; the arguments are its class's."""
        rate = SCHEDULES[self.schedule](learning_rate, steps)
        if self.optimizer in KERAS:
            return KERAS[self.optimizer](rate, **arguments)
        if self.rule.decays:
            arguments["decay_steps"] = steps
        return optimizers.get(self.optimizer, learning_rate=rate, **arguments)

    @property
    def rule(self) -> Rule:
        """What it computes, as a `Rule` of the search's language."""
        name = optimizers.catalogue.normalize_name(self.optimizer)
        return optimizers.CATALOGUE[name].rule if name in optimizers.CATALOGUE else _read_rule(self.optimizer)


def read_contender(text: str, schedule: str = "constant") -> Contender:
    """Reads OPTIMIZER or OPTIMIZER@SCHEDULE.

    Args:
      text: The optimizer is a name of the catalogue (`nos-optimizers` lists them), a formula, or `run:RUN#K`, the
        K-th best rule of a search.
      schedule: The decay if the text names none.

    Raises:
      ValueError: If there is no such optimizer or schedule.
    """
    name, _, after = text.rpartition("@") if "@" in text else (text, "", schedule)
    if after not in SCHEDULES:
        raise ValueError(f"a learning-rate decay must be one of {', '.join(SCHEDULES)}. Received: {after!r}")
    if name.startswith(RUN):
        return Contender(_read_rule_of_run(name).formula(), after)
    known = optimizers.catalogue.normalize_name(name)
    if known in optimizers.CATALOGUE:
        return Contender(known, after)
    return Contender(_read_rule(name).formula(), after)


def _read_rule(formula):
    # Not `parse_formula`: its error would not name the names that are like it.
    return optimizers.get(formula, decay_steps=1).rule


def _read_rule_of_run(text):
    path, _, number = text.removeprefix(RUN).rpartition("#")
    if not path or not number.isdecimal() or int(number) < 1:
        raise ValueError(f"a rule of a run is written run:RUN#K with K = 1 for the best. Received: {text!r}")
    try:
        found = read_found_rules(pathlib.Path(path))
    except (OSError, ValueError, sqlite3.Error) as error:
        raise ValueError(f"{path} is not a run of nos-search that can be read: {error}") from None
    if len(found) < int(number):
        raise ValueError(f"{path} has {len(found)} rules, and none of rank {number}")
    return found[int(number) - 1].rule
