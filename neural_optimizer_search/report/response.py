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
from neural_optimizer_search.report.sweeps import HEIGHT, TICKS, WIDTH  # it stands below a chart of these

BEFORE = 20  # steps with the gradient 1
GRADIENTS = np.linspace(-2.0, 2.0, 41)
DRAWS = 400  # of a rule with noise, whose mean is shown
LARGEST = 100.0  # beyond it there is nothing to see of the rest
ADAM = parse_formula("Adam")


def response_chart(rule: Rule, label: str) -> Optional[Element]:
    """Draws the update for a gradient g after many of 1, as a share of the update for one more of 1.

    To the right of 0 g has the sign of the average, to the left it turns against it. None if a rule has no such
    update, or one that is not finite, or so large that nothing else is seen.

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
    """The updates for `GRADIENTS`, over that for 1; None if there are none.

    All weights are 1, halfway through a training, and those with one gradient are one weight tensor.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.report.response import find_response
      >>> find_response(parse_formula("(1 + sign(g) * sign(m)) * g"))[[0, 10, 30, 40]].tolist()
      [0.0, 0.0, 1.0, 2.0]
    """
    gradients = np.repeat(np.append(GRADIENTS, 1.0), DRAWS if rule.random else 1)
    before, after = np.ones((BEFORE, gradients.size)), np.zeros((BEFORE - 1, gradients.size))
    g = np.concatenate([before, gradients[None], after])
    tensors = tuple(np.arange(gradients.size).reshape(GRADIENTS.size + 1, -1))
    descent = Descent(g, np.ones_like(g), len(g), tensors)
    with np.errstate(all="ignore"):
        updates = Probe(descent).update(rule)[BEFORE].reshape(GRADIENTS.size + 1, -1).mean(1)
        response = updates[:-1] / updates[-1]
        is_drawable = np.isfinite(response).all() and np.abs(response).max() < LARGEST
    return response if is_drawable else None
