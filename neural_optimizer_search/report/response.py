"""A rule's response to a gradient, as a small chart beside Adam's."""

from typing import Optional

import numpy as np

from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.probe import Descent, Probe
from neural_optimizer_search.report import axes
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP
from neural_optimizer_search.report.markup import Element
from neural_optimizer_search.report.pictures import line, picture
from neural_optimizer_search.report.sweeps import HEIGHT, TICKS, WIDTH  # drawn below a chart of this size

STEPS_BEFORE = 20  # with the gradient 1
GRADIENTS = np.linspace(-2.0, 2.0, 41)
DRAWS = 400  # samples of a rule with noise, whose mean is shown
LARGEST = 100.0  # with a larger response, the rest of the chart would look flat
ADAM = parse_formula("Adam")


def response_chart(rule: Rule, label: str) -> Optional[Element]:
    """Draws the update for a gradient g after many gradients of 1, relative to the update for one more gradient of 1.

    Right of 0, g has the sign of the average; left of 0, the opposite sign. None if the response is not finite, or so
    large that the rest of the chart would look flat.

    Args:
      rule: The rule.
      label: Its name.
    """
    own, adam = find_response(rule), find_response(ADAM)
    if own is None or adam is None:
        return None
    x = axes.linear_scale([-2.0, 2.0], LEFT, WIDTH - RIGHT)
    y = axes.linear_scale([*own, *adam, 0.0], HEIGHT - BOTTOM, TOP)
    return picture(
        WIDTH,
        HEIGHT,
        axes.frame(x, y, "gradient, after gradients of 1", "update", TICKS),
        line(list(zip(GRADIENTS, adam)), x, y, "known", title="Adam"),
        line(list(zip(GRADIENTS, own)), x, y, "c0", title=label),
        label=f"The update of {label} for gradients from -2 to 2, beside Adam's.",
    )


def find_response(rule: Rule) -> Optional[np.ndarray]:
    """The updates for `GRADIENTS`, divided by the update for 1; None if they cannot be drawn.

    All weights are 1, the step is halfway through a training, and weights with the same gradient form one tensor.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.report.response import find_response
      >>> find_response(parse_formula("(1 + sign(g) * sign(m)) * g"))[[0, 10, 30, 40]].tolist()
      [0.0, 0.0, 1.0, 2.0]
    """
    gradients = np.repeat(np.append(GRADIENTS, 1.0), DRAWS if rule.random else 1)
    before, after = np.ones((STEPS_BEFORE, gradients.size)), np.zeros((STEPS_BEFORE - 1, gradients.size))
    g = np.concatenate([before, gradients[None], after])
    tensors = tuple(np.arange(gradients.size).reshape(GRADIENTS.size + 1, -1))
    descent = Descent(g, np.ones_like(g), len(g), tensors)
    with np.errstate(all="ignore"):
        updates = Probe(descent).update(rule)[STEPS_BEFORE].reshape(GRADIENTS.size + 1, -1).mean(1)
        response = updates[:-1] / updates[-1]
        is_drawable = np.isfinite(response).all() and np.abs(response).max() < LARGEST
    return response if is_drawable else None
