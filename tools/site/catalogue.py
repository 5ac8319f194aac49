"""Plots of each rule of the catalogue: its response to a gradient, and its trajectories on two functions."""

from collections.abc import Iterable, Mapping

import numpy as np

from neural_optimizer_search.objectives import LANDSCAPES
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.report.response import ADAM, GRADIENTS, STEPS_BEFORE, find_response
from neural_optimizer_search.report.trajectories import LEVELS, RATES, SHOWN, STEPS, follow
from tools.site.figures import COLOR, GRAY, make_figure, write_svg

RULES = "assets/rules"
# Line styles of Adam, which is drawn first, and of the rule on top of it.
_STYLES = (dict(color=GRAY, linewidth=1.0, linestyle="--"), dict(color=COLOR, linewidth=1.3))
_TEXT = f"""## What they do

Left: the update of each rule for one gradient after {STEPS_BEFORE} gradients of 1, relative to its update for
another 1. Middle and right: {STEPS} steps with exact gradients on the Rosenbrock and the Beale function, from the
customary start, with the best of {len(RATES)} learning rates; the cross is the minimum. The dashed line is Adam. A
panel has no solid line if the rule has no such update or diverges at every rate.

"""


def rules_section(pictures: Mapping[str, str]) -> str:
    """The section with the plots, in Markdown.

    Args:
      pictures: Name of a rule -> its plot, which is in the directory `RULES`.
    """
    rows = [f"| `{name}` | ![What {name} does](../{RULES}/{name}.svg) |" for name in pictures]
    return _TEXT + "\n".join(["| name | picture |", "|---|---|", *rows])


def draw_rules(names: Iterable[str] = CATALOGUE) -> Mapping[str, str]:
    """Draws rules of the catalogue; returns name -> SVG."""
    return {name: _draw(CATALOGUE[name].rule) for name in names}


def _draw(rule):
    figure, (response, *functions) = make_figure(1 + len(SHOWN), 7.0, 1.9)
    response.axhline(0.0, color=GRAY, linewidth=0.5)
    response.set_title("update", fontsize=7, color=GRAY)
    for one, style in zip((ADAM, rule), _STYLES):
        if (updates := find_response(one)) is not None:
            response.plot(GRADIENTS, updates, **style)
    for axes, (name, (of_x, of_y)) in zip(functions, SHOWN.items()):
        landscape = LANDSCAPES[name]
        x, y = np.meshgrid(np.linspace(*of_x, 40), np.linspace(*of_y, 40))
        values = landscape.value(np.stack([x, y], axis=-1))
        axes.contour(x, y, values, LEVELS[::2], colors=GRAY, linewidths=0.5, alpha=0.5)
        for one, style in zip((ADAM, rule), _STYLES):
            if path := follow(one, landscape):
                axes.plot(*path.points.T, **style)
        axes.plot(*landscape.minimum, "+", color=COLOR)
        axes.set(xlim=of_x, ylim=of_y)
        axes.set_title(name.title(), fontsize=7, color=GRAY)
    return write_svg(figure)
