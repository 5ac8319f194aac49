"""The arrays that are kept from step to step in addition to the weights: one row per kind of array.

    kept <- β·kept + (1-β)·value

Rows whose name ends in "_c" are families: a member such as "m_0.99" has its number in its name.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from neural_optimizer_search.dsl.families import FROM_0_TO_1, Range, Table


@dataclass(frozen=True)
class Average:
    """A row of `AVERAGES`.

    Attributes:
      name: Unique in the table.
      value: Computes the averaged quantity from a namespace of operations and the `State`, and for a family also from
        its constant. The rows in `needs` are updated first.
      beta: The name of the constant that is its β; "" if β is the family's own constant.
      needs: Other rows that `value` reads.
      join: (ops, kept, value) -> the new array, for rows that are not averages.
      family, constant: For a member of a family, the name of its row and its number.
      range: For a family, the numbers that it has members for.
    """

    name: str
    value: Callable[..., Any]
    beta: str = ""
    needs: tuple[str, ...] = ()
    join: Optional[Callable[..., Any]] = None
    family: str = ""
    constant: Optional[float] = None
    range: Range = FROM_0_TO_1

    def member(self, name: str, constant: float) -> "Average":
        """The member of the family with this number."""
        value = self.value
        return dataclasses.replace(
            self, name=name, value=lambda ops, s: value(ops, s, constant), family=self.name, constant=constant
        )


def _change(ops, s):
    """g minus the previous gradient, which at the first step is g itself."""
    return ops.where(s.is_first, ops.zeros_like(s.g), s.g - s.kept("previous"))


def _square_muon(ops, s):
    """The mean square of Muon's update over the inputs of each output; each element of a vector is an output."""

    def square(m):
        return ops.mean_inputs(ops.square(ops.orthogonalize(m))) * ops.ones_like(m)

    return s.each_tensor(square, s.kept("m"))


AVERAGES = Table(
    Average("m", lambda ops, s: s.g, "beta_1"),
    Average("v", lambda ops, s: s.g**2, "beta_2"),
    Average("gamma", lambda ops, s: s.g**3, "beta_3"),
    # From here on, rows are extra arrays of a rule; a child keeps as many as the rule reads.
    Average("m_c", lambda ops, s, c: s.g),
    Average("v_c", lambda ops, s, c: s.g**2),
    # AdaBelief (Zhuang et al., 2020).
    Average("belief", lambda ops, s: (s.g - s.kept("m")) ** 2, "beta_2", needs=("m",)),
    # AMSGrad (Reddi et al., 2018).
    Average("v_max", lambda ops, s: s.hat("v"), needs=("v",), join=lambda ops, kept, value: ops.maximum(kept, value)),
    # Adan (Xie et al., 2022).
    Average("change_c", lambda ops, s, c: _change(ops, s), needs=("previous",)),
    Average("n_c", lambda ops, s, c: (s.g + c * _change(ops, s)) ** 2, "beta_3", needs=("previous",)),
    # NorMuon (Li et al., 2025).
    Average("v_muon", _square_muon, "beta_2", needs=("m",)),
    # This row comes last, because all others must read the gradient of the previous step.
    Average("previous", lambda ops, s: s.g, join=lambda ops, kept, value: value),
)

ALWAYS = ("m", "v", "gamma")  # every child keeps these
PREVIOUS = "previous"


def with_needs(names: set[str]) -> tuple[str, ...]:
    """The names and everything that they need, in the order in which they are updated."""
    missing = {need for name in names for need in AVERAGES[name].needs} - names
    if missing:
        return with_needs(names | missing)
    rows = list(AVERAGES)
    return tuple(sorted(names, key=lambda name: (rows.index(AVERAGES[name].family or name), name)))
