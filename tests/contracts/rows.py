"""The optimizers under contract, one a row; every test in this folder runs on every row."""

import math
from dataclasses import dataclass

import marks
import numpy as np
import pytest
from backends import array, steps_of, tensor, variable

from neural_optimizer_search.optimizers import AddSign, PowerSign, RuleOptimizer

RATE = 0.125


@dataclass(frozen=True)
class Row:
    """An optimizer with its own arguments, and what is known of it.

    Attributes:
      name: Of the row.
      optimizer: The class.
      arguments: What makes it this row; without the learning rate and `decay_steps`.
      gradients, weights: By hand: the weight after each gradient, from 1, with learning rate 0.1 and T = 2.
      slots: The number of its running averages.
      parabola, rosenbrock: Learning rates with which it converges.
      decays: Whether it needs `decay_steps`.
      random: Whether it draws random numbers.
    """

    name: str
    optimizer: type
    arguments: dict
    gradients: tuple
    weights: tuple
    slots: int
    parabola: float = 0.03
    rosenbrock: float = 0.001
    decays: bool = False
    random: bool = False

    def make(self, learning_rate=RATE, T=5, **arguments):
        decay_steps = {"decay_steps": T} if self.decays else {}
        return self.optimizer(learning_rate=learning_rate, **self.arguments, **decay_steps, **arguments)


def _rule(formula, *others, **more):
    return Row(formula, RuleOptimizer, {"rule": formula}, *others, **more)


TABLE = [
    # m is 0.1, 0.04, 0.036: the signs agree, then differ. A zero gradient does nothing.
    Row("PowerSign", PowerSign, {"base": 2.0}, (1.0, -0.5, 0.0), (0.8, 0.825, 0.825), 1),
    # cd is 1, 1/2, 0, 0: 4 to the power of it is 4, 2, 1, 1.
    Row(
        "PowerSign-cd", PowerSign, {"base": 4.0, "decay": "cd"},
        (1.0, 1.0, 1.0, 1.0), (0.6, 0.4, 0.3, 0.2), 1, decays=True,
    ),
    Row("AddSign", AddSign, {"beta": 0.9}, (1.0, -0.5, 0.0), (0.8, 0.8, 0.8), 1),
    # ld is 1, 1/2, 0, 0; the signs agree and, last, differ, which is then no matter.
    Row(
        "AddSign-ld", AddSign, {"alpha": 2.0, "decay": "ld"},
        (1.0, 1.0, 1.0, -1.0), (0.7, 0.45, 0.25, 0.45), 1, decays=True,
    ),
    _rule("g", (1.0, -2.0), (0.9, 1.1), 0),
    # 0.9 · 0.19 - 0.1 · 1.71 = 0
    _rule("m", (1.0, 1.0, -1.71), (0.9, 0.8, 0.8), 1, rosenbrock=0.003),
    _rule("Adam", (3.0, -2.7), (0.9, 0.9), 2, rosenbrock=0.01),
    _rule("RMSProp", (-3.0, -3.0, 0.0), (1.1, 1.2, 1.2), 1, rosenbrock=0.01),
    # The average of a constant, 4^3, is 64, its root 8: each step is 0.1 · 4 / 9.
    _rule(
        "g / (1 + sqrt(|gamma|))", (4.0, 4.0), (1 - 0.4 / 9, 1 - 0.8 / 9), 1,
        parabola=0.1, rosenbrock=0.003,
    ),
    _rule(
        "drop(m, 0.1) * exp(sign(g) * sign(m))", (1.0, 1.0), (1 - math.e / 10, 1 - math.e / 5), 1,
        rosenbrock=0.003, random=True,
    ),
    # ld is 1, 1/2, 0.
    _rule("ld * g", (1.0, 1.0, 1.0), (0.9, 0.85, 0.85), 0, parabola=0.1, rosenbrock=0.003, decays=True),
    _rule("g + 1e-1*w", (1.0, 0.0), (0.89, 0.8811), 0),
    # At the second step m is 0.09 / 0.19, the change -0.08 / 0.1536, n (0.09 + 0.1 · 0.92^2) / 0.19.
    _rule(
        "(m + 0.92 * change_0.92) / sqrt(|n_0.92|), beta_3=0.9", (1.0, 0.0), (0.9, 0.90057185), 4, rosenbrock=0.003
    ),
    # A number is no matrix: m is added to g while it agrees in sign with it. At the second step it is 0.06 / 0.36.
    _rule(
        "on_matrices(normalize(m), cautious(m)) + g, beta_1=0.8", (1.0, -0.5, 0.0), (0.8, 0.85, 0.85), 1,
    ),
]  # fmt: skip
NAMES = [row.name for row in TABLE]
ROWS = pytest.mark.parametrize("row", TABLE, ids=NAMES)
# For what Keras does, whatever the rule: both classes, and a rule with few averages, with many, and that draws.
FEW = ("PowerSign-cd", "AddSign", "Adam", *(row.name for row in TABLE if row.random or row.slots > 2))
ONLY_LONG = marks.only_long("Keras does it alike for every row.")
SOME_ROWS = pytest.mark.parametrize(
    "row", [row if row.name in FEW else pytest.param(row, marks=ONLY_LONG) for row in TABLE], ids=NAMES
)


def material(steps=8, size=6, seed=0):
    """Gradients [step, element], exact in every float dtype: multiples of 1/8 from -2 to 2, some of them 0.

    No average m of them is within rounding of 0, where its sign would depend on the dtype; it is 0 itself
    only in the last element, whose gradients are.
    """
    rng = np.random.default_rng(seed)
    gradients, m = np.zeros((steps, size)), np.zeros(size)
    for t in range(steps):
        for i in range(size - 1):
            while True:
                g = 0.0 if t and rng.random() < 0.25 else rng.integers(-16, 17) / 8
                if abs(0.9 * m[i] + 0.1 * g) > 0.03:
                    break
            gradients[t, i] = g
        m = 0.9 * m + 0.1 * gradients[t]
    return gradients


GRADIENTS = material()


def start(size=6):
    return np.linspace(-1.0, 1.0, size)


def path(optimizer, gradients=GRADIENTS, w=None):
    """The weights after each step, from `w`: a number, or a variable, which is then at the last of them."""
    if w is None or np.isscalar(w):
        w = variable(start(np.size(gradients[0])) if w is None else w)
    step, weights = steps_of(optimizer, [w]), []
    for g in gradients:
        step([tensor(g)])
        weights.append(array(w))
    return np.array(weights)


def averages_of(optimizer):
    """The running averages; the scalars are the iterations and, in Keras 3, the learning rate."""
    return [each for each in optimizer.variables if len(each.shape)]


def slots(optimizer):
    """The running averages, as arrays."""
    return [array(average) for average in averages_of(optimizer)]
