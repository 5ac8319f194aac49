"""Finds which of the constants that words share a rule reads."""

from typing import Any

import numpy as np

from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.state import State, advance
from neural_optimizer_search.operations import on_numpy


def find_constants(rule: Rule) -> dict[str, float]:
    """The `Constants` that a rule reads, by name: decay rates of averages, and δ.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.dsl.constants_read import find_constants
      >>> find_constants(parse_formula("sign(g) * m"))
      {'beta_1': 0.9}
    """
    constants = _Recording(rule.constants)
    g = np.linspace(0.1, 1.0, 4, dtype=np.float32).reshape(2, 2)
    averages = dict.fromkeys([*rule.averages, "previous"], g)
    state: Any = State(on_numpy, g, g, averages, 1, 2, 0, constants=constants)  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        update(rule, advance(state, averages, rule.averages))
    return {name: value for name, value in vars(rule.constants).items() if name in constants.read}


class _Recording:
    """Stands in for `Constants` and records which are read."""

    def __init__(self, constants):
        self._constants, self.read = constants, set()

    def __getattr__(self, name):
        self.read.add(name)
        return getattr(self._constants, name)
