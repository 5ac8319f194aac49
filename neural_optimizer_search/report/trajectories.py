"""Trajectories of the best rules and known optimizers on two functions of two weights."""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.averages import PREVIOUS
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.state import State, advance
from neural_optimizer_search.objectives import LANDSCAPES, Landscape
from neural_optimizer_search.operations import on_numpy
from neural_optimizer_search.report import axes, wording
from neural_optimizer_search.report.axes import BOTTOM, LEFT, RIGHT, TOP, Scale
from neural_optimizer_search.report.leaders import choose_leaders
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import scroll_box, section, table
from neural_optimizer_search.report.pictures import LegendRow, legend, line, picture
from neural_optimizer_search.report.run import RecordedSearch

STEPS = 300
RATES = 10.0 ** np.linspace(-6.0, 1.0, 22)  # three per decade
# Function -> the ranges of x and y that are drawn.
SHOWN = {"rosenbrock": ((-2.0, 2.0), (-1.0, 3.0)), "beale": ((-0.5, 4.5), (-1.0, 1.5))}
WIDTH, HEIGHT, TICKS = 480, 400, (5, 5)
GRID = (120, 100)  # cells of the background, horizontally and vertically
LEVELS = 10.0 ** np.arange(-1.5, 3.1, 0.5)  # function values at which its shade changes


class Trajectory(NamedTuple):
    """The path of a rule from the customary start.

    Attributes:
      rate: Its learning rate: the one of `RATES` with the lowest final value.
      points: Float64 `[steps + 1, 2]`.
      value: The final value of the function.
    """

    rate: float
    points: np.ndarray
    value: float


def trajectories(run: RecordedSearch) -> Optional[Element]:
    """The section with the trajectories; None if no rule was found."""
    if not run.ranking.found:
        return None
    leaders = choose_leaders(run)
    paths = {name: [follow(one.contender.rule, LANDSCAPES[name]) for one in leaders] for name in SHOWN}
    charts = [
        element("div", element("h3", name.title()), trajectory_chart(name, [one[:2] for one in leaders], those))
        for name, those in paths.items()
    ]
    note = (
        f"Two test functions of two weights, not the task of the search: {STEPS} steps with exact gradients from the "
        f"customary start (ring) towards the minimum (cross), each with the best of {len(RATES)} learning rates. The "
        "stronger the colour, the lower the value. Trajectories that leave the chart run along its edge."
    )
    return section(
        "Trajectories on two test functions",
        element("p", note, class_="note"),
        element("div", charts, class_="two"),
        legend(LegendRow("line", one.class_, one.title) for one in leaders),
        scroll_box(_tabulate(leaders, paths), "Final values"),
        id_="trajectories",
    )


def _tabulate(leaders, paths):
    head = ["", *(text for name in paths for text in (f"{name.title()}: final value", "learning rate"))]
    said = [[text for path in of_leader for text in _say(path)] for of_leader in zip(*paths.values())]
    return table(head, [[one.title, *texts] for one, texts in zip(leaders, said)], numbers=range(1, len(head)))


def _say(path):
    return (f"{path.value:.2g}", wording.rate(path.rate)) if path else ("diverged at every rate", "")


@functools.lru_cache(64)  # the same known optimizers are on every page of a process
def follow(rule: Rule, landscape: Landscape, steps: int = STEPS) -> Optional[Trajectory]:
    """Minimizes a function from its customary start with the best of `RATES`; None if all of them diverge.

    Args:
      rule: The rule.
      landscape: The function.
      steps: Number of steps, over which the rule's decays also run.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.objectives import LANDSCAPES
      >>> from neural_optimizer_search.report.trajectories import follow
      >>> path = follow(parse_formula("g"), LANDSCAPES["quadratic"], steps=100)
      >>> f"{path.rate:.2g}", path.points.shape, f"{path.value:.3f}"
      ('0.01', (101, 2), '0.067')
    """
    x = np.tile(landscape.start, (len(RATES), 1))
    kept, points = {name: np.zeros_like(x) for name in rule.averages}, [x]
    with np.errstate(all="ignore"):
        for t in range(steps):
            g = landscape.gradient(x)
            state = advance(_Rows(on_numpy, g, x, {}, t, steps, 0, constants=rule.constants), kept, rule.averages)
            kept = {name: g if name == PREVIOUS else state.averages[name] for name in rule.averages}
            x = x - RATES[:, None] * update(rule, state)
            points.append(x)
        values = landscape.value(x)
    values[~np.isfinite(values)] = np.inf
    best = values.argmin()
    if np.isinf(values[best]):
        return None
    return Trajectory(float(RATES[best]), np.stack(points)[:, best], float(values[best]))


class _Rows(State):
    """A state in which each row is a weight tensor with its own learning rate."""

    def each_tensor(self, function, *arrays):
        return np.stack([function(*rows) for rows in zip(*arrays)])


def trajectory_chart(name: str, lines: Sequence[tuple[str, str]], paths: Sequence[Optional[Trajectory]]) -> Element:
    """Draws trajectories over a function, whose colour is stronger where its value is lower.

    Args:
      name: A key of `SHOWN`.
      lines: (title, class in style.css) of each trajectory.
      paths: The trajectories; None for one that diverged.
    """
    landscape, (of_x, of_y) = LANDSCAPES[name], SHOWN[name]
    x, y = Scale(*of_x, LEFT, WIDTH - RIGHT), Scale(*of_y, HEIGHT - BOTTOM, TOP)
    says = ", ".join(f"{title} {_say(path)[0]}" for (title, _), path in zip(lines, paths))
    (a, b), (c, d) = landscape.start, landscape.minimum
    return picture(
        WIDTH,
        HEIGHT,
        [element("path", d=fields, class_="lower") for fields in _draw_levels(landscape, x, y)],
        axes.frame(x, y, "first weight", "second weight", TICKS),
        [
            line([tuple(point) for point in path.points], x, y, class_, title=title)
            for (title, class_), path in zip(lines, paths)
            if path
        ],
        element("circle", element("title", "start"), cx=x(a), cy=y(b), r=5, class_="tried"),
        element("path", element("title", "minimum"), d=f"M{x(c) - 5:.1f} {y(d):.1f}h10m-5 -5v10", class_="minimum"),
        label=f"Trajectories on the {name.title()} function. Final values: {says}.",
    )


def _draw_levels(landscape: Landscape, x: Scale, y: Scale) -> Iterator[str]:
    """Yields, for each level, a path of the cells below it, with adjacent cells of a row merged."""
    columns, rows = GRID
    left, top = np.linspace(x.start, x.end, columns + 1), np.linspace(y.end, y.start, rows + 1)
    across = x.low + (x.high - x.low) * (np.arange(columns) + 0.5) / columns
    down = y.high + (y.low - y.high) * (np.arange(rows) + 0.5) / rows
    values = landscape.value(np.stack(np.meshgrid(across, down), axis=-1))
    for level in LEVELS:
        edges = np.diff(np.pad(values < level, ((0, 0), (1, 1))).astype(int), axis=1)
        starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
        yield "".join(
            f"M{left[i]:.0f} {top[row]:.0f}H{left[j]:.0f}V{top[row + 1]:.0f}H{left[i]:.0f}z"
            for (row, i), (_, j) in zip(starts, ends)
        )
